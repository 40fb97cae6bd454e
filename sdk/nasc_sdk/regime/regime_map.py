"""RegimeMap: the best candidate for every throughput and round trip, at one limit; data and its lookup.

Nothing becomes slower when the throughput rises or the round trip falls. So in a row of one round trip the answer is a
staircase over throughput, and an answer at a row's upper end is within the limit everywhere in the row: a lookup
always names a candidate that keeps the limit. A lookup needs nothing beside Python's standard library.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import msgspec

from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import InputError

NOBODY: Final = -1
"""Answer where no candidate keeps the limit."""
_MAX_FILE_BYTES: Final = 16 << 20


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
    """Of the map, both axes logarithmic; 0..1."""


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
class RegimeMap:
    """Row ``r`` holds for round trips above ``round_trip_ms[r - 1]`` up to ``round_trip_ms[r]``, exact at the latter.

    In it, answer ``s`` holds from throughput ``steps_mbit_s[r][s - 1]`` on, up to the next step; the first one for
    everything slower. Below the first row the first row holds, and above the last row what needs no link.
    """

    device: str
    limit_ms: float
    percentile: float
    """The limit holds at this percentile of each candidate's latency over a link with this spread."""
    throughput_mbit_s: tuple[float, float]
    """Lowest and highest of the map, medians of a link. Slower links get what needs no link."""
    lowest_round_trip_ms: float
    round_trip_ms: tuple[float, ...]
    """[R] upper ends, rising; medians of a link."""
    steps_mbit_s: tuple[tuple[float, ...], ...]
    """[R] of rising throughputs."""
    answers: tuple[tuple[int, ...], ...]
    """[R] of one more than there are steps: place in ``regimes``, or ``NOBODY``."""
    regimes: tuple[Regime, ...]
    """Most accurate first."""
    local: int
    """The most accurate that needs no link, or ``NOBODY``."""
    within: float
    """Accuracy, 0..1, that an answer may be below the best one, for a map of fewer candidates; 0 for the best."""
    unresolved: float
    """Share of the map where one better by more than that may keep the limit: a row's answer is its upper end's."""
    spread: Spread
    digest: str
    """SHA-256 of what it was computed from."""
    told_by: str = ""
    """Who tells the accuracies, where it is not the supernet whose weights are deployed."""
    format: Literal["nasc-regime-map 1"] = "nasc-regime-map 1"

    def __post_init__(self) -> None:
        low, high = self.throughput_mbit_s
        if not (0 < low < high < math.inf):
            raise InputError(f"a regime map's throughputs are two rising numbers, not {low} and {high}")
        if not self.round_trip_ms or not _rising((0.0, *self.round_trip_ms)) or not (
            0 < self.lowest_round_trip_ms < self.round_trip_ms[-1]
        ):  # fmt: skip
            raise InputError("a regime map's round trips are rising positive numbers, at least one")
        if not len(self.round_trip_ms) == len(self.steps_mbit_s) == len(self.answers):
            raise InputError("a regime map's rows do not fit together")
        known = range(NOBODY, len(self.regimes))
        for steps, answers in zip(self.steps_mbit_s, self.answers, strict=True):
            if len(answers) != len(steps) + 1 or not _rising((0.0, *steps)):
                raise InputError("a row of a regime map is no staircase")
            if not all(answer in known for answer in (*answers, self.local)):
                raise InputError("a regime map names a candidate that it does not hold")

    def lookup(self, throughput_mbit_s: float, round_trip_ms: float) -> Regime | None:
        """The answer for a link with these medians; None where nothing keeps the limit. InputError for no link."""
        if not (0 < throughput_mbit_s < math.inf and 0 <= round_trip_ms < math.inf):
            given = f"{throughput_mbit_s} Mbit/s, {round_trip_ms} ms"
            raise InputError(f"a link is a throughput above 0 and a round trip of at least 0, not {given}")
        place = policy(self)(throughput_mbit_s, round_trip_ms)
        return None if place == NOBODY else self.regimes[place]

    def covers(self, throughput_mbit_s: float, round_trip_ms: float) -> bool:
        """Whether a link lies on the map; beside it, answers keep the limit but others may be more accurate."""
        low, high = self.throughput_mbit_s
        return low <= throughput_mbit_s <= high and round_trip_ms <= self.round_trip_ms[-1]


def policy(regimes: RegimeMap) -> Callable[[float, float], int]:
    """``(throughput Mbit/s, round trip ms) -> place in the map's regimes, or NOBODY``; a fraction of a microsecond.

    What is no number gets what needs no link.
    """
    rows, steps, answers, local = regimes.round_trip_ms, regimes.steps_mbit_s, regimes.answers, regimes.local
    last = rows[-1]

    def answer(throughput_mbit_s: float, round_trip_ms: float) -> int:
        # Comparisons with NaN are false.
        if round_trip_ms <= last and throughput_mbit_s > 0:
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


def dump_map(regimes: RegimeMap) -> bytes:
    """JSON, read by :func:`load_map`."""
    return msgspec.json.encode(regimes)


def load_map(path: Path) -> RegimeMap:
    """Read and check a file; InputError when it is something else."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; make it with: nasc-sdk map --output {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MAX_FILE_BYTES:
        raise InputError(f"{path} is larger than a regime map gets")
    return parse_map(data, str(path))


def parse_map(data: bytes, where: str) -> RegimeMap:
    """Check JSON bytes; InputError says ``where`` and why not."""
    try:
        return msgspec.json.decode(data, type=RegimeMap)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where} is no regime map: {error}") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _rising(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(values)) and values[-1] < math.inf
