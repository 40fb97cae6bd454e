"""RegimeMap: the best candidate for every throughput, round trip and loss, at one limit; data and its lookup.

Nothing becomes slower when the throughput rises, or round trip or loss fall. So in a row of one round trip the answer
is a staircase over throughput, an answer at a row's upper end is within the limit everywhere in the row, and one of a
slice at less loss: a lookup always names a candidate that keeps the limit. It needs nothing beside Python's standard
library.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import InputError

NOBODY: Final = -1
"""Answer where no candidate keeps the limit."""


@dataclass(frozen=True, slots=True)
class Regime:
    """A candidate, and what it is like where it is the answer."""

    candidate: Candidate
    kind: str
    """``all-edge``, ``split`` or ``all-local``."""
    accuracy: float
    """0..1"""
    accuracy_margin: float
    """Above the most accurate candidate that needs no link and keeps the limit; all of it where there is none."""
    latency_margin_ms: tuple[float, float]
    """Limit less latency: least and most, over the lower ends and the upper ends of its steps."""
    share: float
    """Of the map, both axes logarithmic and all slices alike; 0..1."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How the samples of a link lie around their medians: factors, as many of one as of the other."""

    throughput: tuple[float, ...] = (1.0,)
    round_trip: tuple[float, ...] = (1.0,)

    @property
    def steady(self) -> bool:
        """Whether the link never varies."""
        return len({*self.throughput, *self.round_trip}) == 1


@dataclass(frozen=True, slots=True)
class Slice:
    """The answers at one loss. Row ``r`` holds for round trips above ``round_trip_ms[r - 1]`` up to
    ``round_trip_ms[r]``, exact at the latter.

    In it, answer ``s`` holds from throughput ``steps_mbit_s[r][s - 1]`` on, up to the next step; the first one for
    everything slower. Below the first row the first row holds, and above the last row what needs no link.
    """  # fmt: skip

    loss: float
    """Share of segments lost, 0..1, beside what the samples of a link say (:mod:`nasc_sdk.link.loss`)."""
    round_trip_ms: tuple[float, ...]
    """[R] upper ends, rising; medians of a link."""
    steps_mbit_s: tuple[tuple[float, ...], ...]
    """[R] of rising throughputs."""
    answers: tuple[tuple[int, ...], ...]
    """[R] of one more than there are steps: place in the map's ``regimes``, or ``NOBODY``."""
    unresolved: float
    """Share of the slice where one better by more than the map's ``within`` may keep the limit: a row's answer is its
    upper end's.
    """

    def __post_init__(self) -> None:
        if not self.round_trip_ms or not _rising((0.0, *self.round_trip_ms)):
            raise InputError("a regime map's round trips are rising positive numbers, at least one")
        if not len(self.round_trip_ms) == len(self.steps_mbit_s) == len(self.answers):
            raise InputError("a regime map's rows do not fit together")
        for steps, answers in zip(self.steps_mbit_s, self.answers, strict=True):
            if len(answers) != len(steps) + 1 or not _rising((0.0, *steps)):
                raise InputError("a row of a regime map is no staircase")


@dataclass(frozen=True, slots=True)
class RegimeMap:
    """A slice holds for losses above that of the one before it up to its own; above the last one holds what needs no
    link.
    """  # fmt: skip

    device: str
    limit_ms: float
    percentile: float
    """The limit holds at this percentile of each candidate's latency over a link with this spread."""
    throughput_mbit_s: tuple[float, float]
    """Lowest and highest of the map, medians of a link. Slower links get what needs no link."""
    lowest_round_trip_ms: float
    slices: tuple[Slice, ...]
    """By rising loss; all end at the same round trip."""
    regimes: tuple[Regime, ...]
    """Most accurate first."""
    local: int
    """The most accurate that needs no link, or ``NOBODY``."""
    within: float
    """Accuracy, 0..1, that an answer may be below the best one, for a map of fewer candidates; 0 for the best."""
    spread: Spread
    digest: str
    """SHA-256 of what it was computed from."""
    told_by: str = ""
    """Who tells the accuracies, where it is not the supernet whose weights are deployed."""
    format: Literal["nasc-regime-map 2"] = "nasc-regime-map 2"

    def __post_init__(self) -> None:
        low, high = self.throughput_mbit_s
        if not (0 < low < high < math.inf):
            raise InputError(f"a regime map's throughputs are two rising numbers, not {low} and {high}")
        if not self.slices or not _rising((-1.0, *self.losses)) or not 0 <= self.losses[0] <= self.losses[-1] < 1:
            raise InputError("a regime map's losses are rising numbers from 0 to below 1, at least one")
        if len({each.round_trip_ms[-1] for each in self.slices}) > 1:
            raise InputError("a regime map's slices end at different round trips")
        if not 0 < self.lowest_round_trip_ms < self.highest_round_trip_ms:
            raise InputError("a regime map's round trips are rising positive numbers, at least one")
        known = range(NOBODY, len(self.regimes))
        named = (answer for each in self.slices for answers in each.answers for answer in answers)
        if self.local not in known or not all(answer in known for answer in named):
            raise InputError("a regime map names a candidate that it does not hold")

    @property
    def losses(self) -> tuple[float, ...]:
        """Of the slices."""
        return tuple(each.loss for each in self.slices)

    @property
    def highest_round_trip_ms(self) -> float:
        """Of the map."""
        return self.slices[0].round_trip_ms[-1]

    def lookup(self, throughput_mbit_s: float, round_trip_ms: float, loss: float = 0.0) -> Regime | None:
        """The answer for a link with these medians; None where nothing keeps the limit. InputError for no link."""
        if not (0 < throughput_mbit_s < math.inf and 0 <= round_trip_ms < math.inf and 0 <= loss <= 1):
            given = f"{throughput_mbit_s} Mbit/s, {round_trip_ms} ms, {loss}"
            raise InputError(
                f"a link is a throughput above 0, a round trip of at least 0 and a loss from 0 to 1, not {given}"
            )
        place = policy(self)(throughput_mbit_s, round_trip_ms, loss)
        return None if place == NOBODY else self.regimes[place]

    def covers(self, throughput_mbit_s: float, round_trip_ms: float, loss: float = 0.0) -> bool:
        """Whether a link lies on the map; beside it, answers keep the limit but others may be more accurate."""
        low, high = self.throughput_mbit_s
        inside = low <= throughput_mbit_s <= high and round_trip_ms <= self.highest_round_trip_ms
        return inside and loss <= self.losses[-1]


def policy(regimes: RegimeMap) -> Callable[..., int]:
    """``(throughput Mbit/s, round trip ms, loss = 0) -> place in the map's regimes, or NOBODY``; a fraction of a
    microsecond.

    What is no number gets what needs no link.
    """  # fmt: skip
    losses, local = regimes.losses, regimes.local
    slices = tuple((each.round_trip_ms, each.steps_mbit_s, each.answers) for each in regimes.slices)
    longest, most = regimes.highest_round_trip_ms, losses[-1]

    def answer(throughput_mbit_s: float, round_trip_ms: float, loss: float = 0.0) -> int:
        # Comparisons with NaN are false.
        if round_trip_ms <= longest and throughput_mbit_s > 0 and loss <= most:
            rows, steps, answers = slices[bisect_left(losses, loss)]
            row = bisect_left(rows, round_trip_ms)
            return answers[row][bisect_right(steps[row], throughput_mbit_s)]
        return local

    return answer


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """What the search service answers to the verb ``map``."""

    map: RegimeMap
    here: tuple[float, float] | None
    """Medians of the link that the board measured last, Mbit/s and milliseconds; None when it has not."""
    candidates: int
    """That were looked at."""
    build_ms: float


def _rising(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(values)) and values[-1] < math.inf
