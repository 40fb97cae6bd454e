"""Jointly normal unknowns and linear measurements of them, in closed form (Bishop 2006, eq. 2.113 to 2.117)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Posterior:
    """Unknowns given measurements, and what each measurement looks like from the others."""

    mean: Array
    """[unknowns]"""
    covariance: Array
    """[unknowns, unknowns]"""
    evidence: float
    """Log probability density of the measurements."""
    left_out: Array
    """[measurements] predicted from all the others."""
    left_out_sd: Array
    """[measurements] standard deviation of the measurement around that."""


def condition(mean: Array, covariance: Array, rows: Array, values: Array, noise: Array) -> Posterior:
    """Unknowns after measuring ``values = rows @ unknowns + noise``; ``noise`` are standard deviations.

    In the unknowns' own units of standard deviation, so that microseconds beside milliseconds lose no digits.
    """
    deviation = np.sqrt(np.diag(covariance))
    root = deviation[:, None] * np.linalg.cholesky(covariance / np.outer(deviation, deviation))
    whitened: Array = (rows @ root) / noise[:, None]
    gap = (values - rows @ mean) / noise
    precision = np.eye(len(mean)) + whitened.T @ whitened
    inverse: Array = np.linalg.inv(precision)
    moment = whitened.T @ gap
    step = inverse @ moment
    # A measurement that alone tells of an unknown has all but no rest to be predicted from.
    leverage = np.minimum(np.einsum("ij,jk,ik->i", whitened, inverse, whitened), 1.0 - 1e-9)
    _, log_determinant = np.linalg.slogdet(precision)
    quadratic = float(gap @ gap - moment @ step)
    residual = gap - whitened @ step
    return Posterior(
        mean=mean + root @ step,
        covariance=root @ inverse @ root.T,
        evidence=-0.5 * (quadratic + float(log_determinant)) - float(np.log(noise).sum()),
        left_out=values - noise * residual / (1.0 - leverage),
        left_out_sd=noise / np.sqrt(1.0 - leverage),
    )
