"""Nonnegative ridge regression with a prior mean, solved exactly by an active set (Lawson and Hanson)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RidgeFit:
    """Coefficients, their covariance (zero where the bound holds) and the leverage of each row."""

    coefficients: Array
    covariance: Array
    leverage: Array


def nonnegative_ridge(rows: Array, targets: Array, prior: Array, prior_sd: Array, noise: Array) -> RidgeFit:
    """Most probable coefficients >= 0 of ``targets = rows @ coefficients + noise``.

    ``prior`` and ``prior_sd`` are the coefficients' normal prior, ``noise`` each target's deviation.
    """
    whitened = rows / noise[:, None]
    precision: Array = np.diag(1.0 / np.square(prior_sd))
    gram = whitened.T @ whitened + precision
    moment = whitened.T @ (targets / noise) + precision @ prior
    coefficients, free = _bounded_solve(gram, moment)
    covariance = np.zeros_like(gram)
    covariance[np.ix_(free, free)] = np.linalg.inv(gram[np.ix_(free, free)])
    leverage = np.einsum("ij,jk,ik->i", whitened, covariance, whitened)
    return RidgeFit(coefficients, covariance, np.minimum(leverage, 1.0))


def _bounded_solve(gram: Array, moment: Array) -> tuple[Array, NDArray[np.int64]]:
    """Minimise x'Gx/2 - m'x over x >= 0; returns x and the indices where the bound does not hold."""
    size = len(moment)
    scale = np.sqrt(np.diag(gram))
    tolerance = 1e-9 * max(float(np.abs(moment / scale).max()), 1e-30)
    solution, free = np.zeros(size), np.zeros(size, bool)
    # Each round frees one coefficient and the objective falls strictly: the bound guards against rounding.
    for _ in range(10 * size):
        gradient = np.where(free, 0.0, (moment - gram @ solution) / scale)
        best = int(np.argmax(gradient))
        if gradient[best] <= tolerance:
            break
        free[best] = True
        solution = _retreat(gram, moment, solution, free)
    return solution, np.flatnonzero(free)


def _retreat(gram: Array, moment: Array, solution: Array, free: NDArray[np.bool_]) -> Array:
    """Solve on the free set, binding coefficients again (in ``free``) that would become negative."""
    for _ in range(len(solution)):
        index = np.flatnonzero(free)
        trial = np.zeros_like(solution)
        trial[index] = np.linalg.solve(gram[np.ix_(index, index)], moment[index])
        negative = index[trial[index] <= 0]
        if not negative.size:
            return trial
        steps = solution[negative] / (solution[negative] - trial[negative] + 1e-300)
        solution = solution + float(steps.min()) * (trial - solution)
        free[negative[steps <= steps.min()]] = False
    return solution
