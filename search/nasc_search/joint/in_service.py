"""What deployed candidates really take, carried over to all candidates of the table.

A profile times one network at a time. In service a board also talks to broker and server and wakes from waiting, so
its runs are a little longer and vary more than in the profile. From the medians and p95 of deployed candidates two
straight lines a device are fitted, ``measured = slope * predicted + offset``, one for medians and one for spreads,
each with a prior of "as predicted": a few tiny heads say nothing about large ones, and then nothing changes for those.
Beside the line of medians every observed candidate has an own deviation from it, which only networks with the very same
predictions share: cells that differ in edges without effect are one network.
The line of spreads is raised until it reaches what every observed candidate showed: one that missed the limit does not
look feasible again because others were steadier; nor because it was faster once: its p95 reaches what its last two
reports both showed. No spread becomes smaller than in the profile: seconds in which a machine was left alone do not
promise that it will be.

Bayesian linear regression with known noise, two coefficients: C. M. Bishop, Pattern Recognition and Machine
Learning, 2006, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasc_sdk.candidate import Candidate
from nasc_sdk.cost.model import Z95
from nasc_search.joint.table import CandidateTable, Overheads

MAX_SERVED: Final = 12
"""Observations kept of a board; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Served:
    """What answers of a deployed candidate took, measured on the board: median and p95, milliseconds."""

    candidate: Candidate
    head_ms: tuple[float, float]
    tail_ms: tuple[float, float]
    """Decoding and tail; zeros for all-local."""
    rest_ms: float
    """Median total without head, link and tail: encoding and handing over."""


@dataclass(frozen=True, slots=True)
class ServedLog:
    """The newest observations of a board, oldest first."""

    entries: tuple[Served, ...] = ()

    def with_entry(self, served: Served) -> ServedLog:
        """With one more; bounded."""
        return ServedLog((*self.entries, served)[-MAX_SERVED:])


@dataclass(frozen=True, slots=True)
class _Prior:
    """Standard deviations around slope 1, offset 0 and the line, and the noise of an observation."""

    slope_sd: float
    offset_sd: float
    own_sd: float | None
    """Of a candidate from the line, relative to its prediction; None: all are on the line."""
    noise: float
    """Relative to the measured value."""
    floor: float
    """Absolute noise beside it, milliseconds."""


# Most of what service adds to a run does not grow with it: waking up, copying, cold caches.
_MEDIANS: Final = _Prior(slope_sd=0.05, offset_sd=0.1, own_sd=0.05, noise=0.05, floor=0.02)
# Spreads change with everything else that runs on a machine: a prior that gives way quickly.
_SPREADS: Final = _Prior(slope_sd=2.0, offset_sd=0.5, own_sd=None, noise=0.2, floor=0.02)
_MOST_RAISED: Final = 5.0
"""However much steadier the others were, the line of spreads is not raised by more."""
_TWICE: Final = 2
"""One report over the limit is chance, so many in a row are not."""
_OVERHEAD_NOISE_MS: Final = 0.05
_OVERHEAD_SD_MS: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Line:
    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(self.slope * values + self.offset, 0.0)


def corrected(table: CandidateTable, log: ServedLog) -> CandidateTable:
    """The table with head, tail, their spreads and the overheads as in service; itself without observations.

    Only for tables that hold predictions of the profile alone: a correction is not corrected again. Observations of
    candidates that the table does not hold are left out.
    """
    served = [(item, *table.locate(item.candidate)) for item in log.entries if table.holds(item.candidate)]
    if not served:
        return table
    last, coding = table.cuts - 1, table.coding
    heads = [
        (_without(item.head_ms, coding.head_ms[cut, code], coding.head_sd_ms[cut, code]), row, cut)
        for item, row, cut, code in served
        if cut > 0
    ]
    tails = [
        (_without(item.tail_ms, coding.tail_ms[cut, code], coding.tail_sd_ms[cut, code]), row, cut)
        for item, row, cut, code in served
        if cut < last
    ]
    head_ms, head_sd_ms = _fitted(table.head_ms, table.head_sd_ms, heads)
    decode_ms = table.overheads.decode_ms
    tail_ms, tail_sd_ms = _fitted(table.tail_ms + decode_ms, table.tail_sd_ms, tails)
    head_ms[:, 0] = head_sd_ms[:, 0] = tail_ms[:, last] = tail_sd_ms[:, last] = 0.0
    rests = [item.rest_ms for item, _, cut, _ in served if cut < last]
    # Decoding is part of the measured tail, so of the corrected one.
    overheads = Overheads(encode_ms=_rest_ms(table.overheads, rests))
    return replace(
        table,
        head_ms=head_ms,
        head_sd_ms=head_sd_ms,
        tail_ms=tail_ms,
        tail_sd_ms=tail_sd_ms,
        overheads=overheads,
    )


def _without(times: tuple[float, float], coding_ms: float, coding_sd_ms: float) -> tuple[float, float]:
    """Median and p95 of the blocks alone, without what their encoding adds: lines are fitted to these."""
    sd = max(times[1] - times[0], 0.0) / Z95
    median = max(times[0] - coding_ms, 0.0)
    return median, median + Z95 * math.sqrt(max(sd**2 - coding_sd_ms**2, 0.0))


def _fitted(
    medians: NDArray[np.float64], spreads: NDArray[np.float64], measured: Sequence[tuple[tuple[float, float], int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Medians and standard deviations along the lines through what was measured of (row, cut)."""
    p50, p95 = np.asarray([times for times, _, _ in measured], np.float64).reshape(-1, 2).T
    sd = np.maximum(p95 - p50, 0.0) / Z95
    same = [(medians == medians[row]).all(axis=1) for _, row, _ in measured]
    rows, cuts = [int(rows.argmax()) for rows in same], [cut for _, _, cut in measured]
    of = list(zip(rows, cuts, strict=True))
    line, deviations = _fit(medians[rows, cuts], p50, of, _MEDIANS)
    found = line(medians)
    for rows_of_one, (row, cut) in zip(same, of, strict=True):
        found[rows_of_one, cut] = max(line(medians[row, cut]) + deviations[row, cut] * medians[row, cut], 0.0)
    spread, _ = _fit(spreads[rows, cuts], sd, of, _SPREADS)
    expected = spread(spreads)
    factor, addend = _raised(expected[rows, cuts], sd, of)
    expected = np.maximum(np.minimum(expected * factor, expected + addend), spreads)
    for rows_of_one, (row, cut) in zip(same, of, strict=True):
        own = p95[[item == (row, cut) for item in of]]
        if len(own) >= _TWICE:
            needed = (own[-_TWICE:].min() - found[row, cut]) / Z95
            expected[rows_of_one, cut] = np.maximum(expected[rows_of_one, cut], needed)
    return found, expected


def _raised(
    expected: NDArray[np.float64], measured: NDArray[np.float64], of: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """Factor, at least 1, and addend, at least 0, either of which lifts the expected spread of every candidate to the
    median of its measured ones.

    What disturbs a small head for two milliseconds does so to a large one too, not for as many times as long.
    """
    factor, addend = 1.0, 0.0
    for candidate in set(of):
        mine = np.asarray([item == candidate for item in of])
        factor = max(factor, float(np.median(measured[mine] / np.maximum(expected[mine], _SPREADS.floor))))
        addend = max(addend, float(np.median(measured[mine] - expected[mine])))
    return min(factor, _MOST_RAISED), addend


def _fit(
    predicted: NDArray[np.float64], measured: ArrayLike, of: Sequence[tuple[int, int]], prior: _Prior
) -> tuple[_Line, dict[tuple[int, int], float]]:
    """Posterior mean of slope, offset and the relative deviation of every observed candidate."""
    y = np.asarray(measured, np.float64)
    if not len(y):
        return _Line(), {}
    candidates = sorted(set(of)) if prior.own_sd else []
    own = [np.asarray([item == candidate for item in of]) * predicted for candidate in candidates]
    noise = np.hypot(prior.noise * y, prior.floor)
    rows = np.column_stack([predicted, np.ones(len(y)), *own]) / noise[:, None]
    deviating = [prior.own_sd or 0.0] * len(candidates)
    precision = np.diag(np.asarray([prior.slope_sd, prior.offset_sd, *deviating]) ** -2)
    slope, offset, *deviations = np.linalg.solve(rows.T @ rows + precision, rows.T @ ((y - predicted) / noise))
    return _Line(1.0 + float(slope), float(offset)), dict(zip(candidates, map(float, deviations), strict=True))


def _rest_ms(overheads: Overheads, measured: Sequence[float]) -> float:
    """Posterior mean of what is neither head, link nor tail."""
    before, weight = overheads.encode_ms + overheads.reply_ms, (_OVERHEAD_NOISE_MS / _OVERHEAD_SD_MS) ** 2
    return (weight * before + float(sum(measured))) / (weight + len(measured))
