"""Has the link changed? Two-sided Page-Hinkley tests on the logarithms of throughput and round trip.

Theory of operation
-------------------
The test compares samples with the mean of the link as it was, and sums up how far they lie beyond what is
worth noticing (``drift``). The sum falls back to zero while nothing happens and grows by the size of the
change once something did; over ``threshold`` it fires. The sample at which the sum last left zero is when
the change began, so it is known which samples belong to the new link. The mean of the new link starts with
the samples after the firing: those before it may be half of the old link. Reference: E. S. Page,
Continuous inspection schemes, Biometrika 41, 1954; D. V. Hinkley, Biometrika 58, 1971.

A sample tells of the half that was just measured: a transfer of the throughput, a ping of the round trip. What a
payload takes on the wire is known to about a millisecond, machines being what they are, so a sample is compared
with the mean on a scale that bends where its own payload takes that long: 50 and 20 Mbit/s are one thing to a
kilobyte and two to a megabyte.

Values only: time comes in as an argument, and an update returns a new value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

FAST_MBIT_S: Final = 1000.0
"""Throughput beyond it makes no difference to anybody, whatever is sent: the scale bends there at the latest."""
SHORT_MS: Final = 1.0
"""Round trips and times on the wire below it make no difference: the scale bends there."""
_SHORTEST_MS: Final = 1e-3


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
class _Sum:
    """How far samples lay on one side of the mean, and since when."""

    level: float = 0.0
    run: int = 0
    """Samples since it left zero."""
    since_s: float = -math.inf
    """Time of the first of them."""

    def plus(self, now_s: float, excess: float) -> _Sum:
        """With one more sample; zero again where that outweighs the others."""
        level = self.level + excess
        return _Sum(level, self.run + 1, self.since_s if self.run else now_s) if level > 0 else _Sum()


@dataclass(frozen=True, slots=True)
class PageHinkley:
    """The test on one quantity: mean of the link as it was, and both sums."""

    mean: float = 0.0
    count: int = 0
    up: _Sum = _Sum()
    down: _Sum = _Sum()

    @property
    def level(self) -> float:
        """The larger sum."""
        return max(self.up.level, self.down.level)

    def updated(self, now_s: float, value: float, floor: float, sensitivity: Sensitivity) -> PageHinkley:
        """With the logarithm of one more duration; durations far below ``floor``, a logarithm too, are all the same."""
        if self.count < sensitivity.warm_up:
            mean = (self.mean * self.count + value) / (self.count + 1)
            return replace(self, mean=mean, count=self.count + 1)
        clip, count = sensitivity.clip, min(self.count + 1, sensitivity.memory)
        deviation = _clipped(_bent(value, floor) - _bent(self.mean, floor), clip)
        return PageHinkley(
            mean=self.mean + _clipped(value - self.mean, clip) / count,
            count=count,
            up=self.up.plus(now_s, deviation - sensitivity.drift),
            down=self.down.plus(now_s, -deviation - sensitivity.drift),
        )

    def change(self, sensitivity: Sensitivity) -> _Sum | None:
        """The sum that is over the threshold, on enough samples."""
        over = [one for one in (self.up, self.down) if one.level > sensitivity.threshold]
        return over[0] if over and over[0].run >= sensitivity.min_fresh else None


def _bent(value: float, floor: float) -> float:
    """Logarithm of the sum of two durations."""
    return math.log(math.exp(value) + math.exp(floor))


def _clipped(deviation: float, clip: float) -> float:
    return min(max(deviation, -clip), clip)


@dataclass(frozen=True, slots=True)
class Change:
    """The link is another one since ``since_s``."""

    time_s: float
    since_s: float
    """Time of the first sample that deviated."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Both tests, and what is known since the last change.

    During the cool-down changes are followed as at any time; the report waits for its end.
    """

    sensitivity: Sensitivity = DEFAULT
    throughput: PageHinkley = PageHinkley()
    round_trip: PageHinkley = PageHinkley()
    since_s: float = -math.inf
    """When the newest change began."""
    unreported: bool = False
    """Whether the link changed since the last report."""
    reported_s: float = -math.inf

    def transferred(
        self, now_s: float, throughput_mbit_s: float, payload_bytes: int, *, answered: bool = True
    ) -> tuple[Detector, Change | None]:
        """With the throughput that a payload had; without an answer it is a bound, and a strong sign."""
        per_mbit, floor = -math.log(throughput_mbit_s), -math.log(min(payload_bytes * 8e-3 / SHORT_MS, FAST_MBIT_S))
        throughput = self.throughput
        for _ in range(1 if answered else self.sensitivity.strong_weight):
            throughput = throughput.updated(now_s, per_mbit, floor, self.sensitivity)
        return replace(self, throughput=throughput)._judged(now_s)

    def pinged(self, now_s: float, round_trip_ms: float) -> tuple[Detector, Change | None]:
        """With one more round trip."""
        duration = math.log(max(round_trip_ms, _SHORTEST_MS))
        round_trip = self.round_trip.updated(now_s, duration, math.log(SHORT_MS), self.sensitivity)
        return replace(self, round_trip=round_trip)._judged(now_s)

    def _judged(self, now_s: float) -> tuple[Detector, Change | None]:
        after, sensitivity = self, self.sensitivity
        changes = (test.change(sensitivity) for test in (self.throughput, self.round_trip))
        begun_s = min((change.since_s for change in changes if change), default=math.inf)
        if now_s - begun_s >= sensitivity.min_span_s:
            # Both begin with a new mean.
            after = replace(
                self, throughput=PageHinkley(), round_trip=PageHinkley(), since_s=begun_s, unreported=True
            )
        if not after.unreported or now_s - self.reported_s < sensitivity.cool_down_s:
            return after, None
        return replace(after, unreported=False, reported_s=now_s), Change(now_s, after.since_s)
