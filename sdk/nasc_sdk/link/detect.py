"""Has the link changed? A two-sided Page-Hinkley test on the logarithms of throughput and round trip.

Theory of operation
-------------------
The test compares samples with the mean of the link as it was, and sums up how far they lie beyond what is
worth noticing (``drift``). The sum falls back to zero while nothing happens and grows by the size of the
change once something did; over ``threshold`` it fires. The sample at which the sum last left zero is when
the change began, so it is known which samples belong to the new link. The mean of the new link starts with
the samples after the firing: those before it may be half of the old link. Reference: E. S. Page,
Continuous inspection schemes, Biometrika 41, 1954; D. V. Hinkley, Biometrika 58, 1971.

Values only: time comes in as an argument, and an update returns a new value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

FAST_MBIT_S: Final = 1000.0
"""Throughput beyond it makes no difference to anybody: the scale bends there."""
SHORT_MS: Final = 1.0
"""Round trips below it make no difference: the scale bends there."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """When a change counts, in natural logarithms (0.7: a factor of 2)."""

    drift: float = 0.3
    """Deviation from the mean that is not a change."""
    threshold: float = 2.0
    """Sum of deviations beyond ``drift`` that is one."""
    clip: float = 1.2
    """Largest deviation counted for one sample: a single outlier is no change."""
    warm_up: int = 8
    """Samples that only build the mean."""
    memory: int = 64
    """The mean forgets at this many samples, so that slow drift is followed."""
    min_fresh: int = 3
    """Samples of the new link that must be there before it is reported."""
    min_span_s: float = 0.2
    """What deviates for less is a hiccup of a machine, however many samples fell into it."""
    cool_down_s: float = 2.0
    """No second report so soon after the first."""
    strong_weight: int = 2
    """A request without any answer counts as so many samples."""


DEFAULT: Final = Sensitivity()


@dataclass(frozen=True, slots=True)
class PageHinkley:
    """The test on one quantity: mean of the link as it was, and both sums."""

    mean: float = 0.0
    count: int = 0
    up: float = 0.0
    down: float = 0.0
    up_run: int = 0
    """Samples since the upward sum left zero."""
    down_run: int = 0

    def updated(self, value: float, sensitivity: Sensitivity) -> PageHinkley:
        """With one more sample."""
        if self.count < sensitivity.warm_up:
            return replace(
                self, mean=(self.mean * self.count + value) / (self.count + 1), count=self.count + 1
            )
        deviation = min(max(value - self.mean, -sensitivity.clip), sensitivity.clip)
        up = max(0.0, self.up + deviation - sensitivity.drift)
        down = max(0.0, self.down - deviation - sensitivity.drift)
        count = min(self.count + 1, sensitivity.memory)
        return PageHinkley(
            mean=self.mean + deviation / count,
            count=count,
            up=up,
            down=down,
            up_run=self.up_run + 1 if up else 0,
            down_run=self.down_run + 1 if down else 0,
        )

    def run(self, sensitivity: Sensitivity) -> int:
        """Samples since the change began; 0 when there is none."""
        if self.up > sensitivity.threshold:
            return self.up_run
        return self.down_run if self.down > sensitivity.threshold else 0


@dataclass(frozen=True, slots=True)
class Change:
    """The link is another one since ``since_s``."""

    time_s: float
    since_s: float
    """Time of the first sample that deviated."""
    throughput: bool
    """Whether the throughput changed."""
    round_trip: bool
    """Whether the round trip changed."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Both tests, and what is known since the last change.

    During the cool-down changes are followed as at any time; the report waits for its end.
    """

    sensitivity: Sensitivity = DEFAULT
    throughput: PageHinkley = PageHinkley()
    round_trip: PageHinkley = PageHinkley()
    recent_s: tuple[float, ...] = ()
    """Times of the newest samples."""
    since_s: float = -math.inf
    """When the newest change began."""
    unreported: tuple[bool, bool] = (False, False)
    """Whether throughput and round trip changed since the last report."""
    reported_s: float = -math.inf

    def updated(
        self, now_s: float, throughput_mbit_s: float, round_trip_ms: float, *, strong: bool = False
    ) -> tuple[Detector, Change | None]:
        """With one more sample, positive and finite; ``strong`` is a request that got no answer."""
        sensitivity = self.sensitivity
        pair = (math.log(1 / (1 / throughput_mbit_s + 1 / FAST_MBIT_S)), math.log(round_trip_ms + SHORT_MS))
        throughput, round_trip = self.throughput, self.round_trip
        times = range(sensitivity.strong_weight if strong else 1)
        for _ in times:
            throughput = throughput.updated(pair[0], sensitivity)
            round_trip = round_trip.updated(pair[1], sensitivity)
        recent_s = (*self.recent_s, *(now_s for _ in times))[-sensitivity.memory :]
        after = replace(self, throughput=throughput, round_trip=round_trip, recent_s=recent_s)
        runs = throughput.run(sensitivity), round_trip.run(sensitivity)
        if max(runs) >= sensitivity.min_fresh:
            since_s = recent_s[-min(max(runs), len(recent_s))]
            if now_s - since_s >= sensitivity.min_span_s:
                after = after._restarted(since_s, (runs[0] > 0, runs[1] > 0))
        if not any(after.unreported) or now_s - self.reported_s < sensitivity.cool_down_s:
            return after, None
        change = Change(now_s, after.since_s, *after.unreported)
        return replace(after, unreported=(False, False), reported_s=now_s), change

    def _restarted(self, since_s: float, changed: tuple[bool, bool]) -> Detector:
        """Begin with a new mean."""
        return replace(
            self,
            throughput=PageHinkley(),
            round_trip=PageHinkley(),
            since_s=since_s,
            unreported=(self.unreported[0] or changed[0], self.unreported[1] or changed[1]),
        )
