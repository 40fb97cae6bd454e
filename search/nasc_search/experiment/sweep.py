"""Over all links and limits of a grid: what each strategy reaches, what NASC saves, and why not more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from nasc_search.experiment.anatomy import Array
from nasc_search.experiment.plan import DRAWN_PERCENT, POINTS_LOST, STATED_LOSS, Grid
from nasc_search.experiment.pool import PERFECT, Front, LinkState
from nasc_search.experiment.strategies import BASELINES, Contest, Operating, Strategy

Tick = Callable[[str], None]


class Why(StrEnum):
    """Why at least half of the board's latency is saved at a link, or not."""

    REACHED_BY_SPLIT = "reached by a split"
    REACHED_ON_BOARD = "reached on the board alone"
    """A smaller network, within the same points, is as fast without any link."""
    NO_BASELINE = "no network keeps the limit on the board"
    COMPUTE_BOUND = "compute-bound"
    """Not even over a link that costs nothing: the head and the server take too long."""
    BOARD_FAST_ENOUGH = "board fast enough"
    """The board has answered before a packet could go there and back."""
    ROUND_TRIP_BOUND = "round-trip-bound"
    """Not at this round trip, however high the throughput."""
    THROUGHPUT_BOUND = "throughput-bound"
    """At this round trip it would be, with more throughput."""


@dataclass(frozen=True, slots=True)
class Swept:
    """One setting: T throughputs, R round trips, L limits; NaN where a strategy has nothing to offer."""

    saved_percent: dict[tuple[Strategy, float], Array]
    """By baseline and points lost: [L, T, R]."""
    accuracy_percent: dict[Strategy, Array]
    """The most accurate within the limit: [L, T, R]."""
    chosen_cut: NDArray[np.int64]
    """[L, T, R] of the candidate that replaces HWNAS on the board at half a point; -1 for none."""
    why: NDArray[np.str_]
    """[L, T, R] at half a point and 50 % against HWNAS on the board."""


def sweep(contest: Contest, grid: Grid, tick: Tick = lambda _: None) -> Swept:
    """Look at every link and limit; ``tick`` hears of each throughput."""
    shape = (len(grid.limits_ms), *grid.shape)
    saved = {(base, lost): np.full(shape, np.nan) for base in BASELINES for lost in POINTS_LOST}
    accuracy: dict[Strategy, Array] = {
        strategy: np.full(shape, np.nan) for strategy in Strategy if strategy is not Strategy.HWNAS_TRADED
    }
    cuts, why = np.full(shape, -1), np.full(shape, Why.NO_BASELINE, dtype=object)
    for rate, trip in np.ndindex(grid.shape):
        link = grid.link(rate, trip)
        if trip == 0:
            tick(f"{link.throughput_mbit_s:g} Mbit/s")
        front = contest.joint.front(link)
        endless = contest.joint.front(LinkState(float("inf"), link.round_trip_ms))
        perfect = contest.joint.front(PERFECT)
        for limit, limit_ms in enumerate(grid.limits_ms):
            at = limit, rate, trip
            _within(accuracy, at, contest, front, link, limit_ms)
            for (base, lost), values in saved.items():
                works = contest.operating(base, link, limit_ms, lost)
                values[at] = np.nan if works is None else saved_percent(front, works, lost)
            works = contest.operating(Strategy.HWNAS_LOCAL, link, limit_ms, STATED_LOSS)
            smaller = contest.operating(Strategy.HWNAS_TRADED, link, limit_ms, STATED_LOSS)
            if works is not None and smaller is not None:
                place = front.fastest(works.accuracy_percent - STATED_LOSS)
                cuts[at] = -1 if place is None else front.cut[place]
                why[at] = _reason(front, endless, perfect, works, smaller, link)
    return Swept(saved, accuracy, cuts, why.astype(np.str_))


def saved_percent(front: Front, works: Operating, points_lost: float) -> float:
    """Latency that the fastest point of a front saves which is at most so many points below a baseline."""
    place = front.fastest(works.accuracy_percent - points_lost)
    if place is None:
        return float("nan")
    return 100.0 * (1.0 - float(front.latency_ms[place]) / works.latency_ms)


def _within(
    accuracy: dict[Strategy, Array], at: tuple[int, int, int], contest: Contest, front: Front, link: LinkState,
    limit_ms: float,
) -> None:  # fmt: skip
    place = front.most_accurate(limit_ms)
    if place is not None:
        accuracy[Strategy.NASC][at] = front.accuracy_percent[place]
    for base in accuracy.keys() - {Strategy.NASC}:
        works = contest.operating(base, link, limit_ms, 0.0)
        if works is not None and works.latency_ms <= limit_ms:
            accuracy[base][at] = works.accuracy_percent


def _reason(
    front: Front, endless: Front, perfect: Front, works: Operating, smaller: Operating, link: LinkState
) -> Why:
    def reached(over: Front) -> bool:
        return saved_percent(over, works, STATED_LOSS) >= DRAWN_PERCENT

    if smaller.latency_ms <= (1 - DRAWN_PERCENT / 100) * works.latency_ms:
        return Why.REACHED_ON_BOARD
    if reached(front):
        return Why.REACHED_BY_SPLIT
    if not reached(perfect):
        return Why.COMPUTE_BOUND
    if works.latency_ms <= link.round_trip_ms:
        return Why.BOARD_FAST_ENOUGH
    return Why.THROUGHPUT_BOUND if reached(endless) else Why.ROUND_TRIP_BOUND
