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
    """Kendall's tau-b in n log n steps (Knight 1966); 0 where either side is constant."""
    a = np.unique(np.asarray(first, np.float64), return_inverse=True)[1]
    b = np.unique(np.asarray(second, np.float64), return_inverse=True)[1]
    pairs = a.size * (a.size - 1) // 2
    tied_a, tied_b, tied_both = _tied_pairs(a), _tied_pairs(b), _tied_pairs(a * (b.size + 1) + b)
    untied_a, untied_b = pairs - tied_a, pairs - tied_b
    exchanges = _inversions(b[np.lexsort((b, a))])
    agree = pairs - tied_a - tied_b + tied_both - 2 * exchanges
    return agree / math.sqrt(untied_a * untied_b) if untied_a and untied_b else 0.0


def _tied_pairs(values: NDArray[np.int64]) -> int:
    counts = np.unique(values, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


def _inversions(values: NDArray[np.int64]) -> int:
    """Pairs in falling order: merge sort from the bottom, all blocks of a width at once."""
    size, span = values.size, int(values.max(initial=0)) + 1
    position = np.arange(size)
    ordered, total, width = values.astype(np.int64), 0, 1
    while width < size:
        pair = position // (2 * width)
        right = position // width % 2 == 1
        # Both halves are sorted; lifted by their pair's number, all left halves are one sorted sequence.
        lifted = ordered + pair * span
        left = lifted[~right]
        before = np.searchsorted(left, lifted[right], side="right")
        ends = np.searchsorted(left, (pair[right] + 1) * span, side="left")
        total += int((ends - before).sum())
        ordered = ordered[np.argsort(lifted, kind="stable")]
        width *= 2
    return total
