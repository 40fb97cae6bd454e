"""What the link is, from the transfers that happen anyway and a few small pings.

Theory of operation
-------------------
The search predicts a transfer as ``round_trip + bytes * 8 / throughput``
(:meth:`nasc_sdk.link.link.Link.transfer_ms`), so both are estimated from that same equation. Pings carry
next to nothing and give the round trip. A transfer gives the throughput, from what it took beyond the shortest of the
last pings (a machine's hiccups only add to a ping, and a round trip that is taken too long makes a link out of
nothing); the pair then says exactly what was measured.

Rule 1: a transfer is informative when it took longer than the round trip by more than the round trip's own
    noise, and by more than a request takes beyond a ping whatever it carries: else the link would look as slow as
    the payload is small.
Rule 2: one that did not still shows a lower bound. When that is above the last estimate, the link got
    faster, and the bound is the estimate; otherwise the sample is set aside and the earlier value stays.
Rule 3: a transfer clearly faster than the round trip, or far from the last estimate, says that the round trip
    may be out of date: pings are wanted, and the first of them replaces all earlier ones.
Rule 4: the halves of a pair are measured one after the other, so a pair is as old as its older half. When the
    link changed, only pairs that are younger count: one with an old half is of a link that never was.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass
from typing import Final

from nasc_sdk.link.link import Link

MAX_MBIT_S: Final = 100_000.0
MIN_MBIT_S: Final = 1e-4
MIN_PINGS: Final = 3
"""Fewer are not enough for a median: the first one on a connection is often slow."""
_PINGS: Final = 5
_PING_INTERVAL_S: Final = 1.0
_NOISE_FLOOR_MS: Final = 0.1
_REQUEST_MS: Final = 0.5
"""What a request may take beyond a ping, however small it is."""
_SMALL_BYTES: Final = 1000
"""Payloads above it count on less and less of that: it is little beside what they take themselves."""
FAR: Final = 1.5
"""A throughput by this factor from the last one is far."""


@dataclass(frozen=True, slots=True)
class LinkSample:
    """One moment of the link; ``informative`` says whether it went into the window."""

    time_s: float
    since_s: float
    """When the older half of the pair was measured."""
    throughput_mbit_s: float
    round_trip_ms: float
    informative: bool
    payload_bytes: int = 0
    """Of the transfer that the sample's throughput is of; 0 for a ping, which adds a round trip to the last one."""
    answered: bool = True
    """False for a request that got no answer: a bound on the throughput, and a strong sign."""


@dataclass(frozen=True, slots=True)
class _Ping:
    time_s: float
    round_trip_ms: float


class LinkEstimator:
    """Bounded window of paired samples. Times are seconds on the caller's clock, durations milliseconds."""

    def __init__(self, *, window: int = 128) -> None:
        self._samples: deque[LinkSample] = deque(maxlen=window)
        self._pings: deque[_Ping] = deque(maxlen=_PINGS)
        self._answers: deque[bool] = deque(maxlen=window)
        self._throughput: float | None = None
        self._throughput_s = self._last_ping_s = -math.inf
        self._outdated = False

    @property
    def round_trip_ms(self) -> float | None:
        """Median of the last pings; None before the first."""
        return statistics.median(ping.round_trip_ms for ping in self._pings) if self._pings else None

    @property
    def samples(self) -> int:
        """Pairs in the window."""
        return len(self._samples)

    @property
    def throughput_mbit_s(self) -> float | None:
        """Newest estimate; None before the first transfer."""
        return self._throughput

    def wants_ping(self, now_s: float) -> bool:
        """Whether the round trip is unknown, old or contradicted."""
        return (
            self._outdated
            or len(self._pings) < MIN_PINGS
            or now_s - self._last_ping_s >= _PING_INTERVAL_S
        )

    def ping(self, now_s: float, elapsed_ms: float) -> LinkSample | None:
        """A small exchange; None while the throughput is unknown or out of date, since a sample is a pair."""
        if not math.isfinite(elapsed_ms):
            return None
        round_trip_ms = max(elapsed_ms, 0.0)
        outdated = self._outdated
        if outdated:
            self._pings.clear()
        self._pings.append(_Ping(now_s, round_trip_ms))
        self._last_ping_s, self._outdated = now_s, False
        self._answers.append(True)
        if self._throughput is None or outdated:
            return None
        since_s = self._throughput_s
        return self._keep(LinkSample(now_s, since_s, self._throughput, round_trip_ms, informative=True))

    def transfer(self, now_s: float, payload_bytes: int, elapsed_ms: float) -> LinkSample | None:
        """A payload and its small answer, without the time the server kept it; None before the first ping."""
        self._answers.append(True)
        if not self._pings or payload_bytes <= 0 or not math.isfinite(elapsed_ms):
            return None
        round_trip_ms = min(ping.round_trip_ms for ping in self._pings)
        # The shortest stands on all of them.
        since_s = self._pings[0].time_s
        noise_ms = self._noise_ms()
        on_wire_ms = elapsed_ms - round_trip_ms
        throughput = _clip(payload_bytes * 8e-3 / max(on_wire_ms, noise_ms))
        if on_wire_ms < -noise_ms:
            self._outdated = True
        faster = self._throughput is None or throughput > self._throughput
        least_ms = noise_ms + _REQUEST_MS * (_SMALL_BYTES / payload_bytes if payload_bytes > _SMALL_BYTES else 1.0)
        known = self._throughput is not None or payload_bytes >= _SMALL_BYTES
        if on_wire_ms > least_ms or (faster and known and not self._outdated):
            if self._throughput is not None and not 1 / FAR < throughput / self._throughput < FAR:
                self._outdated = True
            self._throughput, self._throughput_s = throughput, now_s
            return self._keep(LinkSample(now_s, since_s, throughput, round_trip_ms, True, payload_bytes))
        return LinkSample(now_s, since_s, self._throughput or throughput, round_trip_ms, False, payload_bytes)

    def timeout(self, now_s: float, payload_bytes: int, waited_ms: float) -> LinkSample | None:
        """A request without an answer: the throughput is at most what the wait allows."""
        self._answers.append(False)
        self._outdated = True
        if payload_bytes <= 0 or not waited_ms > 0 or not math.isfinite(waited_ms):
            return None
        bound = _clip(payload_bytes * 8e-3 / waited_ms)
        self._throughput, self._throughput_s = min(self._throughput or bound, bound), now_s
        round_trip_ms = self.round_trip_ms or 0.0
        return self._keep(
            LinkSample(now_s, now_s, self._throughput, round_trip_ms, True, payload_bytes, answered=False)
        )

    def link(self) -> Link | None:
        """The window as a Link; None before the first pair."""
        if not self._samples:
            return None
        return Link(
            tuple(sample.throughput_mbit_s for sample in self._samples),
            tuple(sample.round_trip_ms for sample in self._samples),
            loss=self.loss,
        )

    @property
    def loss(self) -> float:
        """Share of the last requests that got no answer."""
        return 1 - sum(self._answers) / len(self._answers) if self._answers else 0.0

    def restart(self, since_s: float) -> None:
        """The link is another one since then: forget whatever is older, or only half of it younger."""
        samples = [sample for sample in self._samples if sample.since_s >= since_s]
        pings = [ping for ping in self._pings if ping.time_s >= since_s]
        self._samples.clear()
        self._samples.extend(samples)
        self._pings.clear()
        self._pings.extend(pings)
        if self._throughput_s < since_s:
            self._throughput = None

    def _noise_ms(self) -> float:
        """How far a round trip may be from the median without meaning anything."""
        center = self.round_trip_ms or 0.0
        spread = statistics.median(abs(ping.round_trip_ms - center) for ping in self._pings)
        return max(_NOISE_FLOOR_MS, 0.02 * center, 3 * spread)

    def _keep(self, sample: LinkSample) -> LinkSample:
        self._samples.append(sample)
        return sample


def _clip(throughput_mbit_s: float) -> float:
    return min(max(throughput_mbit_s, MIN_MBIT_S), MAX_MBIT_S)
