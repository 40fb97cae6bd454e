"""How a network's whole latency is spread over its blocks: four assumptions, because a total does not tell.

Each gives every block a share of the measured total, so that head and tail always add up to it. ``MACS`` knows
nothing of the device. The others start from what the device's totals say each operator takes (least squares with no
negative time) and differ in how an operator's time falls to the stages, which no total can show:

- ``FITTED``: convolutions by multiply-accumulates, the rest by values moved.
- ``ELEMENTS``: all by values moved, as on a memory-bound device; early blocks cost more.
- ``CALLS``: every call alike, as on a device bound by launching operators; late blocks cost as much as early ones.

Where a table tells what FBNet's layers take more than ``skip``, only the constant is left to be spread: by the three
that know the device, or, as the bounds of what it can be, all of it before any split or all of it after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_search.experiment.anatomy import CONVOLUTIONS, Anatomy, Array
from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.layers import LAYERS
from nasc_search.measured.fbnet import CHOICES, SKIP
from nasc_search.measured.npz import SpaceName

_KINDS: Final = 6
"""Columns of NAS-Bench-201's basis that are fitted: a constant, cells that compute, four kinds of operators."""


class Apportioning(StrEnum):
    """How a total falls to blocks."""

    MACS = "macs"
    FITTED = "fitted"
    ELEMENTS = "elements"
    CALLS = "calls"
    STEM = "stem"
    """Of tables of layers: the constant is all in the first block."""
    HEAD = "head"
    """Of tables of layers: all in the last one."""


OF_TOTALS: Final = (Apportioning.MACS, Apportioning.FITTED, Apportioning.ELEMENTS, Apportioning.CALLS)
OF_LAYERS: Final = (
    Apportioning.FITTED, Apportioning.ELEMENTS, Apportioning.CALLS, Apportioning.STEM, Apportioning.HEAD
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fit:
    """What a device's totals say of its operators."""

    reach: Reach
    """Which operators it ran, as far as the totals tell."""
    features: Array
    """[n, f]"""
    coefficients_ms: Array
    """[f] Each at least 0 for NAS-Bench-201; FBNet's layers count against ``skip``."""
    r2: float
    residual_ms: float
    """Largest difference between a total and its fit."""
    ms_per_mac: float
    """Of a whole network, at the median."""


@dataclass(frozen=True, slots=True)
class Apportioned:
    """Head and tail of every architecture at every cut, in milliseconds: [n, K]; they add up to the total."""

    head_ms: Array
    tail_ms: Array


def fit(anatomy: Anatomy, arch: NDArray[np.int64], total_ms: Array) -> Fit:
    """Fit a device's totals; of what it may have run, the assumption that explains most."""
    found = [_fit(anatomy, arch, total_ms, reach) for reach in anatomy.basis.reaches]
    return max(found, key=lambda one: one.r2)


def block_ms(anatomy: Anatomy, arch: NDArray[np.int64], fitted: Fit, how: Apportioning) -> Array:
    """[n, B] What each block would take; only the proportions count."""
    if how is Apportioning.MACS:
        return anatomy.fixed_macs + anatomy.chosen_macs(arch, fitted.reach)
    shared = fitted.coefficients_ms[0] * constant_share(anatomy, how)
    if anatomy.space is SpaceName.FBNET:
        return np.asarray(np.maximum(shared + _layer_ms(fitted, arch), 0.0), np.float64)
    cell = ~anatomy.is_fixed
    even, by_size = (np.where(cell, weight, 0.0) for weight in (np.ones(len(cell)), anatomy.elements))
    even, by_size = even / even.sum(), by_size / by_size.sum()
    parts = fitted.features[:, 1:] * fitted.coefficients_ms[1:]
    spread = []
    for column in range(1, _KINDS):
        is_even = how is Apportioning.CALLS or (how is Apportioning.FITTED and column in (1, *CONVOLUTIONS))
        spread.append(even if is_even else by_size)
    return np.asarray(shared + parts @ np.array(spread), np.float64)


def constant_share(anatomy: Anatomy, how: Apportioning) -> Array:
    """[B] Parts of what all networks take, which come to 1."""
    ends = np.eye(len(anatomy.blocks))
    constant = {
        Apportioning.FITTED: _constant_macs(anatomy),
        Apportioning.ELEMENTS: np.where(anatomy.is_fixed, anatomy.elements, _holds_skips(anatomy) * anatomy.elements),
        Apportioning.CALLS: np.where(anatomy.is_fixed, anatomy.calls, _holds_skips(anatomy)),
        Apportioning.STEM: ends[0],
        Apportioning.HEAD: ends[-1],
    }[how]
    return np.asarray(constant / constant.sum(), np.float64)


def apportion(
    anatomy: Anatomy, arch: NDArray[np.int64], total_ms: Array, fitted: Fit, how: Apportioning
) -> Apportioned:
    """Spread totals over blocks; networks for which the fit says nothing are spread by multiply-accumulates."""
    parts = block_ms(anatomy, arch, fitted, how)
    empty = parts.sum(axis=1) <= 0
    if empty.any():
        parts[empty] = block_ms(anatomy, arch, fitted, Apportioning.MACS)[empty]
    before = np.cumsum(parts, axis=1)
    share = np.pad(before / before[:, -1:], ((0, 0), (1, 0)))
    # The last is 1 but for rounding, and the sum of head and tail must not depend on rounding.
    share[:, -1] = 1.0
    head = total_ms[:, None] * share
    return Apportioned(head, total_ms[:, None] - head)


def nonnegative(rows: Array, values: Array) -> Array:
    """Least squares with no coefficient below 0: columns that come out negative are left out, one by one."""
    kept = list(range(rows.shape[1]))
    found = np.zeros(rows.shape[1])
    while kept:
        solution = np.linalg.lstsq(rows[:, kept], values, rcond=None)[0]
        worst = int(np.argmin(solution))
        if solution[worst] >= 0:
            found[kept] = solution
            break
        kept.pop(worst)
    return found


def _fit(anatomy: Anatomy, arch: NDArray[np.int64], total_ms: Array, reach: Reach) -> Fit:
    rows = anatomy.basis.features(arch, reach)
    if anatomy.space is SpaceName.NB201:
        rows = rows[:, :_KINDS]
        found = nonnegative(rows, total_ms)
    else:
        # Against skip, which computes where the shape changes, a coefficient may be negative.
        found = np.linalg.lstsq(rows, total_ms, rcond=None)[0]
    residual = total_ms - rows @ found
    spread = float(np.square(total_ms - total_ms.mean()).sum())
    macs = (anatomy.fixed_macs + anatomy.chosen_macs(arch, reach)).sum(axis=1)
    return Fit(
        reach=reach,
        features=rows,
        coefficients_ms=found,
        r2=1.0 - float(np.square(residual).sum()) / spread if spread else 1.0,
        residual_ms=float(np.abs(residual).max()),
        ms_per_mac=float(np.median(total_ms) / np.median(macs)),
    )


def _holds_skips(anatomy: Anatomy) -> Array:
    """[B] One for FBNet's layers: their ``skip`` is part of the constant."""
    if anatomy.space is SpaceName.NB201:
        return np.zeros(len(anatomy.blocks))
    return np.where(anatomy.is_fixed, 0.0, 1.0)


def _constant_macs(anatomy: Anatomy) -> Array:
    if anatomy.space is SpaceName.NB201:
        return anatomy.fixed_macs
    skips = anatomy.chosen_macs(np.full((1, len(LAYERS)), SKIP), Reach.EVERY)[0]
    return np.asarray(anatomy.fixed_macs + skips, np.float64)


def _layer_ms(fitted: Fit, arch: NDArray[np.int64]) -> Array:
    """[n, B] What each layer's choice takes more than ``skip``."""
    shapes = list(dict.fromkeys(LAYERS))
    relative = np.pad(fitted.coefficients_ms[1:].reshape(len(shapes), len(CHOICES)), ((0, 0), (0, 1)))
    layers = relative[[shapes.index(shape) for shape in LAYERS], arch]
    return np.pad(layers, ((0, 0), (1, 1)))
