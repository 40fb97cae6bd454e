"""Rank correlations, numpy only; ties get their mean rank (Spearman) or the tau-b correction (Kendall)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks from 0; equal values share their mean rank."""
    array = np.asarray(values, np.float64)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    mean = last - (counts - 1) / 2
    return np.asarray(mean[inverse], np.float64)


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rho; 0 where either side is constant or holds fewer than two values."""
    a, b = ranks(first), ranks(second)
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def kendall(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b; 0 where either side is constant. Quadratic in memory a row at a time."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    agree = untied_a = untied_b = 0
    for index in range(a.size - 1):
        signs_a, signs_b = np.sign(a[index + 1 :] - a[index]), np.sign(b[index + 1 :] - b[index])
        agree += int((signs_a * signs_b).sum())
        untied_a += int(np.count_nonzero(signs_a))
        untied_b += int(np.count_nonzero(signs_b))
    return agree / math.sqrt(untied_a * untied_b) if untied_a and untied_b else 0.0
