"""Notices when the link changes, from the transfers and pings that the edge client tells, and says so.

:class:`LinkWatch` is values and a clock given as an argument; :class:`LinkReporter` adds the lock, the clock
and the publishing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from nasc_sdk.link.detect import DEFAULT, Change, Detector
from nasc_sdk.link.estimate import LinkEstimator, LinkSample
from nasc_sdk.protocol.messages import LinkReport

PERIOD_S: Final = 5.0
FOLLOW_UP_S: Final = 1.0
FOLLOW_UPS: Final = 2
"""After a change the estimate is young: so many reports come sooner."""
PASSING_S: Final = 0.5
"""The first of them leaves out what was measured until so long after the change was told: it confirms another link, and
not the hiccup of a machine, which mostly passes in that time."""
MIN_SAMPLES: Final = 3
"""Fewer say nothing about a distribution: a report waits for them."""


class LinkWatch:
    """Estimator and detector together. Every method takes the time and may return a report that is due now."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.estimator = LinkEstimator()
        self._detector = Detector()
        self._reported_s: float | None = None
        self._unsaid = 0
        self._follow_ups = 0
        self._changed = False

    @property
    def suspicious(self) -> bool:
        """Whether samples deviate, though not enough yet, or a change is to be confirmed: more are wanted quickly."""
        if self._changed or self._unconfirmed:
            return True
        tests = (self._detector.throughput, self._detector.round_trip)
        level = DEFAULT.threshold / 4
        return any(test.level > level for test in tests) or self._detector.unreported

    def transfer(self, now_s: float, payload_bytes: int, elapsed_ms: float) -> LinkReport | None:
        """A payload and its small answer."""
        return self._take(self.estimator.transfer(now_s, payload_bytes, elapsed_ms), now_s)

    def ping(self, now_s: float, elapsed_ms: float) -> LinkReport | None:
        """A small exchange."""
        return self._take(self.estimator.ping(now_s, elapsed_ms), now_s)

    def timeout(self, now_s: float, payload_bytes: int, waited_ms: float) -> LinkReport | None:
        """A request without an answer."""
        return self._take(self.estimator.timeout(now_s, payload_bytes, waited_ms), now_s)

    @property
    def _unconfirmed(self) -> bool:
        return self._follow_ups == FOLLOW_UPS

    def tick(self, now_s: float) -> LinkReport | None:
        """The periodic report, when its time has come and something new was seen."""
        if self._reported_s is None:
            self._reported_s = now_s - PERIOD_S + 1.0
        period_s = FOLLOW_UP_S if self._follow_ups else PERIOD_S
        if not self._unsaid or now_s - self._reported_s < period_s:
            return None
        if self._unconfirmed:
            self.estimator.restart(self._reported_s + PASSING_S)
        if self._changed or self.estimator.samples < MIN_SAMPLES:
            return None
        self._follow_ups = max(self._follow_ups - 1, 0)
        return self._report(now_s, changed=False)

    def _take(self, sample: LinkSample | None, now_s: float) -> LinkReport | None:
        # A sample that was set aside says nothing that the one before did not say.
        if sample is None or not sample.informative:
            return None
        self._unsaid += 1
        self._detector, change = self._detected(sample)
        if change is not None:
            # What was before is another link: no later report may mix the two.
            self.estimator.restart(change.since_s)
            self._changed = True
        if not self._changed:
            # A confirmation is waited for: it does not wait for whoever ticks.
            return self.tick(now_s) if self._unconfirmed else None
        if self.estimator.samples < MIN_SAMPLES:
            return None
        self._changed, self._follow_ups = False, FOLLOW_UPS
        return self._report(now_s, changed=True)

    def _detected(self, sample: LinkSample) -> tuple[Detector, Change | None]:
        if not sample.payload_bytes:
            return self._detector.pinged(sample.time_s, sample.round_trip_ms)
        return self._detector.transferred(
            sample.time_s, sample.throughput_mbit_s, sample.payload_bytes, answered=sample.answered
        )

    def _report(self, now_s: float, *, changed: bool) -> LinkReport | None:
        link = self.estimator.link()
        if link is None:
            return None
        self._reported_s, self._unsaid = now_s, 0
        return LinkReport(
            device=self._device,
            throughput_mbit_s=link.throughput_mbit_s,
            round_trip_ms=link.round_trip_ms,
            loss=min(max(link.loss, 0.0), 1.0),
            changed=changed,
            observed_unix_s=time.time(),
        )


class LinkReporter:
    """Implements :class:`nasc_sdk.agent.edge_client.Observer`; publishes what the watch says. Thread-safe."""

    def __init__(self, watch: LinkWatch, publish: Callable[[LinkReport], None]) -> None:
        self._watch, self._publish = watch, publish
        self._lock = threading.Lock()
        self.more_wanted = threading.Event()
        """Set when the round trip is out of date or a change is suspected; whoever probes clears it."""
        self._busy = 0

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """While the board's processor is at work on something else, durations tell of that and not of the link."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    @property
    def suspicious(self) -> bool:
        """See :attr:`LinkWatch.suspicious`."""
        with self._lock:
            return self._watch.suspicious or self._watch.estimator.wants_ping(time.monotonic())

    def transfer(self, payload_bytes: int, elapsed_ms: float) -> None:
        """See :meth:`LinkWatch.transfer`; left out while the board is :meth:`busy`."""
        if not self._busy:
            self._told(lambda now_s: self._watch.transfer(now_s, payload_bytes, elapsed_ms))

    def ping(self, elapsed_ms: float) -> None:
        """See :meth:`LinkWatch.ping`; left out while the board is :meth:`busy`."""
        if not self._busy:
            self._told(lambda now_s: self._watch.ping(now_s, elapsed_ms))

    def timeout(self, payload_bytes: int, waited_ms: float) -> None:
        """See :meth:`LinkWatch.timeout`."""
        self._told(lambda now_s: self._watch.timeout(now_s, payload_bytes, waited_ms))

    def tick(self) -> None:
        """See :meth:`LinkWatch.tick`."""
        self._told(self._watch.tick)

    def _told(self, tell: Callable[[float], LinkReport | None]) -> None:
        with self._lock:
            report = tell(time.monotonic())
            suspicious = self._watch.suspicious
        if suspicious:
            self.more_wanted.set()
        if report is not None:
            self._publish(report)
