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
    """Unknowns after measuring ``values = rows @ unknowns + noise``; ``noise`` are standard deviations."""
    if not len(values):
        return Posterior(mean, covariance, 0.0, values, values)
    shared = covariance @ rows.T
    inverse = np.linalg.inv(rows @ shared + np.diag(np.square(noise)))
    weights = inverse @ (values - rows @ mean)
    variance = 1.0 / np.diag(inverse)
    _, log_determinant = np.linalg.slogdet(inverse)
    evidence = 0.5 * float(log_determinant - (values - rows @ mean) @ weights)
    narrowed = covariance - shared @ inverse @ shared.T
    return Posterior(
        mean + shared @ weights,
        (narrowed + narrowed.T) / 2,
        evidence,
        values - weights * variance,
        np.sqrt(variance),
    )
