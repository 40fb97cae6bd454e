"""Keeps the estimate of the link fresh while nobody asks, and finds a lost server again."""

from __future__ import annotations

import logging
import threading
from typing import Final

from nasc_sdk.agent.edge_client import EdgeClient
from nasc_sdk.agent.link_watch import LinkReporter

PADDING_BYTES: Final = 16 << 10
BURST: Final = 8
"""Pings after a suspected change: enough for the detector to decide, few enough to bother nobody."""
_RETRY_S: Final = 0.1

_log = logging.getLogger(__name__)


class Prober:
    """One thread: a ping every ``interval_s``, padded probes while idle, a burst when a change is suspected.

    Idle means that no request crossed the link for ``interval_s``.
    """

    def __init__(self, edge: EdgeClient, reporter: LinkReporter, *, interval_s: float = 1.0) -> None:
        self._edge, self._reporter, self._interval_s = edge, reporter, interval_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="link-prober", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """End the thread."""
        self._closed.set()
        self._reporter.more_wanted.set()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while not self._closed.is_set():
            try:
                self._round()
            except Exception:
                # Losing this thread would mean never reaching a restarted server again.
                _log.exception("probing failed")
            # Never at once again: on a noisy link bursts would follow one another without end.
            shortest_s = min(self._interval_s / 4, _RETRY_S)
            if not self._closed.wait(shortest_s):
                pause_s = self._interval_s if self._edge.up else _RETRY_S
                self._reporter.more_wanted.wait(max(pause_s - shortest_s, 0.0))

    def _round(self) -> None:
        self._reporter.more_wanted.clear()
        if self._edge.probe() and self._idle:
            self._edge.probe(PADDING_BYTES)
        for number in range(BURST):
            if self._closed.is_set() or not (self._edge.up and self._reporter.suspicious):
                break
            # Alternating: a sample is a pair, and either half may be what changed.
            self._edge.probe(PADDING_BYTES if self._idle and number % 2 == 0 else 0)
        self._reporter.tick()
        # The burst itself raises suspicion; another one at once would not end on a noisy link.
        self._reporter.more_wanted.clear()

    @property
    def _idle(self) -> bool:
        return self._edge.idle_s >= self._interval_s
