"""What an experiment sweeps: links, limits, settings, points of accuracy that may be lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.experiment.pool import LinkState, Pool

THROUGHPUTS_MBIT_S: Final = (0.5, 0.8, 1.3, 2.1, 3.4, 5.5, 8.9, 14.5, 23.5, 38.0, 62.0, 100.0)
ROUND_TRIPS_MS: Final = (2.0, 4.0, 7.0, 14.0, 27.0, 52.0, 100.0)
POINTS_LOST: Final = (0.0, 0.5, 1.0)
STATED_LOSS: Final = 0.5
"""Points at which the region of 40, 50 and 60 % is drawn."""
THRESHOLDS_PERCENT: Final = (40.0, 50.0, 60.0)
DRAWN_PERCENT: Final = 50.0
_LIMITS: Final = 5
_WORTH_POINTS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is allowed."""

    raw_input_stays: bool
    with_encodings: bool

    @property
    def name(self) -> str:
        """For documents and file names."""
        raw = "raw-stays" if self.raw_input_stays else "raw-may-leave"
        return f"{raw}, {'encodings' if self.with_encodings else 'int8 only'}"


SETTINGS: Final = tuple(Setting(raw, encodings) for raw in (True, False) for encodings in (True, False))
PRIMARY: Final = SETTINGS[0]
"""Fronts are kept for all its links, and the uncertainty is looked at in it."""
FREEST: Final = Setting(raw_input_stays=False, with_encodings=True)
"""What is allowed in any setting is allowed in it."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The links and limits of a sweep, each ascending."""

    throughputs_mbit_s: tuple[float, ...]
    round_trips_ms: tuple[float, ...]
    limits_ms: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (
            ("throughputs", self.throughputs_mbit_s),
            ("round trips", self.round_trips_ms),
            ("limits", self.limits_ms),
        ):
            if not values or not all(np.isfinite(value) and value > 0 for value in values):
                raise InputError(f"{name}: {values} are not all positive numbers")
            if list(values) != sorted(set(values)):
                raise InputError(f"{name}: {values} do not ascend; give each once, smallest first")

    @property
    def shape(self) -> tuple[int, int]:
        """Throughputs, round trips."""
        return len(self.throughputs_mbit_s), len(self.round_trips_ms)

    def link(self, throughput: int, round_trip: int) -> LinkState:
        """One of the links, by its place."""
        return LinkState(self.throughputs_mbit_s[throughput], self.round_trips_ms[round_trip])

    @property
    def looked_at_limits_ms(self) -> tuple[float, ...]:
        """The middle limit and the largest: what is drawn, and what uncertainty is looked at for."""
        return tuple(dict.fromkeys((self.limits_ms[(len(self.limits_ms) - 1) // 2], self.limits_ms[-1])))

    @property
    def shown(self) -> tuple[tuple[int, int], ...]:
        """Four links between the middle and the ends, for which fronts are drawn in every setting."""
        def middles(count: int) -> tuple[int, int]:
            return count // 4, 2 * count // 3

        rates, trips = self.shape
        return tuple(
            dict.fromkeys((rate, trip) for trip in middles(trips) for rate in middles(rates))
        )


def usual_limits_ms(pool: Pool) -> tuple[float, ...]:
    """Five limits from the board's fastest network that is at most 5 points below the best, to the best network's."""
    stairs = pool.stairs[pool.last]
    accuracy, latency = pool.accuracy_percent[stairs], pool.compute_ms[stairs, pool.last]
    low = float(latency[np.argmax(accuracy >= accuracy[-1] - _WORTH_POINTS)])
    high = float(latency[-1])
    # The last is the best network's own latency, not less by rounding.
    return tuple(sorted({*np.geomspace(low, high, _LIMITS)[:-1].round(3).tolist(), float(np.ceil(high * 1e3) / 1e3)}))
