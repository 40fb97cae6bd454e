"""An upload in flight: which bytes to send next, told what was answered; no port and no clock of its own.

Theory of operation
-------------------
Go-back-N: up to ``window`` packets are on their way, each answered with the next byte that the board expects. The
line keeps order, so an answer settles all packets that were sent before its own. An answer that expects an earlier
byte than the packet's end says that one was lost: sending goes back there at once. Without any answer it goes back
after a timeout, which follows the round trips (RFC 6298) and doubles while nothing comes.

Rule 1: packets that were on their way when sending went back are stale: they still fill the window, but say nothing
about a loss. Rule 2: each loss halves the bytes of a packet, for on a bad line long packets never arrive; a row of
successes doubles them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST_PACKET_BYTES: Final = 32
"""Of data; below, the headers are most of what is sent."""
LEAST_TIMEOUT_S: Final = 0.1
_MOST_FRUITLESS: Final = 256
"""Answers in a row that confirm no byte; on a line that loses a tenth of its bytes there are some ten."""
_SUCCESSES_TO_GROW: Final = 8


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of the plan that make one packet."""

    offset: int
    end: int


@dataclass(slots=True)
class _Flight:
    chunk: Chunk
    sent_s: float
    stale: bool = False


class UploadWindow:
    """``timeout_s`` is the longest wait for an answer, and the first one."""

    def __init__(
        self, total_bytes: int, start_offset: int, *, window: int, packet_bytes: int, timeout_s: float
    ) -> None:
        self._total_bytes, self._window, self._most_timeout_s = total_bytes, max(window, 1), timeout_s
        self._most_bytes = self._packet_bytes = max(packet_bytes, 1)
        self._least_bytes = min(LEAST_PACKET_BYTES, self._most_bytes)
        self._next = self._highest = start_offset
        self._flights: dict[int, _Flight] = {}
        self._successes = 0
        self._smoothed_s: float | None = None
        self._variation_s = 0.0
        self._backoff = 1.0
        self.confirmed = start_offset
        """Bytes that the board said it has."""
        self.silent_timeouts = 0
        """Timeouts since the board last confirmed a byte."""
        self._fruitless = 0
        self.lost = False
        """The board does not know the upload any more (it was reset): begin again."""

    @property
    def done(self) -> bool:
        """Whether the board has all bytes."""
        return self.confirmed >= self._total_bytes

    @property
    def deadline_s(self) -> float:
        """When :meth:`expire` is due; infinite while nothing is on its way."""
        first = next(iter(self._flights.values()), None)
        return float("inf") if first is None else first.sent_s + self._timeout_s

    @property
    def _timeout_s(self) -> float:
        if self._smoothed_s is None:
            return self._most_timeout_s
        # Twice the round trip, for a steady one has no variation, and a USB adapter hesitates now and then.
        wait_s = max(2 * self._smoothed_s + 4 * self._variation_s, LEAST_TIMEOUT_S) * self._backoff
        return min(wait_s, self._most_timeout_s)

    def next_chunk(self) -> Chunk | None:
        """What to send now; None while the window is full or nothing is left."""
        if len(self._flights) >= self._window or self._next >= self._total_bytes:
            return None
        return Chunk(self._next, min(self._next + self._packet_bytes, self._total_bytes))

    def sent(self, sequence: int, chunk: Chunk, now_s: float) -> None:
        """The chunk went out under that sequence number."""
        self._flights[sequence] = _Flight(chunk, now_s)
        self._next = chunk.end
        self._highest = max(self._highest, chunk.end)

    def answered(self, sequence: int, next_offset: int, now_s: float) -> None:
        """The board expects that byte next; late and unknown answers are ignored."""
        if sequence not in self._flights:
            return
        for earlier in list(self._flights):
            flight = self._flights.pop(earlier)
            if earlier == sequence:
                break
        if not self.confirmed <= next_offset <= self._highest:
            self.lost = True
            return
        self._learn(now_s - flight.sent_s)
        if next_offset > self.confirmed:
            self.confirmed, self.silent_timeouts, self._backoff = next_offset, 0, 1.0
            self._fruitless = 0
        else:
            self._fruitless += 1
            # It answers and takes nothing: it was reset before it had the first byte.
            self.lost = self._fruitless >= _MOST_FRUITLESS
        self._next = max(self._next, next_offset)
        if flight.stale:
            return
        if next_offset < flight.chunk.end:
            self._go_back()
        else:
            self._grow()

    def expire(self) -> None:
        """No answer came in time: nothing that is on its way counts any more."""
        self._flights.clear()
        self.silent_timeouts += 1
        self._backoff *= 2
        self._go_back()

    def _go_back(self) -> None:
        self._next = self.confirmed
        self._packet_bytes = max(self._packet_bytes // 2, self._least_bytes)
        self._successes = 0
        for flight in self._flights.values():
            flight.stale = True

    def _grow(self) -> None:
        self._successes += 1
        if self._successes >= _SUCCESSES_TO_GROW:
            self._successes = 0
            self._packet_bytes = min(self._packet_bytes * 2, self._most_bytes)

    def _learn(self, round_trip_s: float) -> None:
        """RFC 6298, 2.2 and 2.3. Sequence numbers are new for each packet, so no round trip is ambiguous."""
        if self._smoothed_s is None:
            self._smoothed_s, self._variation_s = round_trip_s, round_trip_s / 2
            return
        self._variation_s += (abs(self._smoothed_s - round_trip_s) - self._variation_s) / 4
        self._smoothed_s += (round_trip_s - self._smoothed_s) / 8
