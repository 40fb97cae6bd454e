"""The result of ``nasc-vs-hwnas`` as it is written: JSON of a stable shape, units in the names.

Grids are lists of throughputs, each a list of round trips, in the order of ``grid``; null where a strategy has
nothing to offer. ``version`` grows when a name changes its meaning or goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nasc_search.experiment.anatomy import Array
from nasc_search.experiment.coding import CodingRow
from nasc_search.experiment.plan import Grid
from nasc_search.experiment.uncertainty import Variant
from nasc_search.experiment.world import DeviceEntry, PredictionEntry

VERSION: Final = 1
FRONT_POINTS: Final = 120
"""At the most; the ends are among them. FBNet's fronts have thousands."""
Numbers = list[list[float | None]]
"""[throughputs][round trips]"""


@dataclass(frozen=True, slots=True)
class SavedEntry:
    """Latency that NASC saves against a baseline, in per cent of it."""

    setting: str
    baseline: str
    limit_ms: float
    points_lost: float
    saved_percent: Numbers


@dataclass(frozen=True, slots=True)
class AccuracyEntry:
    """The most accurate that a strategy has within a limit."""

    setting: str
    strategy: str
    limit_ms: float
    accuracy_percent: Numbers


@dataclass(frozen=True, slots=True)
class RegionEntry:
    """Part of the grid's links, evenly spaced in the logarithm unless links were given, where so much is saved."""

    setting: str
    baseline: str
    limit_ms: float
    points_lost: float
    at_least_percent: float
    share: float


@dataclass(frozen=True, slots=True)
class WhyEntry:
    """Why half of the latency of HWNAS on the board is saved at a link at half a point, or not; and the cut."""

    setting: str
    limit_ms: float
    reason: list[list[str]]
    chosen_cut: list[list[int]]


@dataclass(frozen=True, slots=True)
class FrontEntry:
    """An accuracy-latency front over one link, thinned to ``FRONT_POINTS``; lists of one length, fastest first."""

    setting: str
    strategy: str
    throughput_mbit_s: float
    round_trip_ms: float
    latency_ms: list[float]
    accuracy_percent: list[float]
    architecture: list[int | str]
    """NAS-Bench-201's index, the row of FBNet's file ``arch``, or FBNet's operators, a digit a layer."""
    cut: list[int]
    encoding: list[str]


@dataclass(frozen=True, slots=True)
class Document:
    """Everything."""

    experiment: str
    version: int
    space: str
    architectures: int | str
    """A number, or ``9^22`` where 64 bits do not hold it; so are candidates."""
    candidates: int | str
    accuracy_source: str
    accuracy_unit: str
    """What a point is a point of."""
    accuracy_is_proxy: bool
    best_accuracy_percent: float
    prediction: PredictionEntry | None
    """None where accuracies are known."""
    board: DeviceEntry
    server: DeviceEntry
    cuts: list[str]
    """What crosses each, height x width x channels; the image first."""
    apportioning: str
    fixed_cut: int
    assumptions: list[str]
    notes: list[str]
    coding: list[CodingRow]
    grid: Grid
    saved: list[SavedEntry]
    accuracy_under_limit: list[AccuracyEntry]
    region: list[RegionEntry]
    why: list[WhyEntry]
    fronts: list[FrontEntry]
    uncertainty: list[Variant]


def numbers(values: Array, digits: int = 2) -> Numbers:
    """A grid with null for what is not there."""
    return [[round(float(v), digits) if np.isfinite(v) else None for v in row] for row in values]


def array(values: Numbers) -> Array:
    """Inverse of :func:`numbers`."""
    return np.array([[np.nan if v is None else v for v in row] for row in values], np.float64)
