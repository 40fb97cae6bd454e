"""One direction of a shaped link: bandwidth, delay, jitter and loss as arithmetic on the caller's times.

Theory of operation
-------------------
Bytes are cut into segments of at most ``SEGMENT_BYTES``. Segments wait in one queue (all connections share
the link), each takes its size over the rate to leave it, and arrives one delay later; several segments
travel at once, so the delay does not limit throughput. Times of leaving are computed, not observed: a
caller that wakes late delivers late once, but the lateness does not add up.

TCP hides loss and shows time: a lost segment takes its place on the link again and arrives later by what
:mod:`nasc_sdk.link.retransmission` says, and whatever was sent after it on the same connection waits for it. With loss,
a segment arrives a round trip after the one that is a congestion window before it, or later.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from nasc_sdk.errors import InputError
from nasc_sdk.link.retransmission import MAX_TIMEOUTS, SEGMENT_BYTES, probe_ms, timeouts_ms, window_segments

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a link does to bytes; both directions share delay, jitter and loss."""

    rate_mbit: float = 1000.0
    """Bandwidth towards the server, Mbit/s."""
    down_mbit: float = 0.0
    """Bandwidth towards the client; 0: as towards the server."""
    round_trip_ms: float = 0.0
    """Half of it each way."""
    jitter_ms: float = 0.0
    """Largest extra delay each way, uniform; order is kept."""
    loss: float = 0.0
    """Probability that a segment is lost and sent again."""

    def __post_init__(self) -> None:
        for rate in (self.rate_mbit, self.down_mbit or self.rate_mbit):
            if not 0.001 <= rate <= 1e5:
                raise InputError(f"a bandwidth of {rate:g} Mbit/s is not in 0.001 to 100000")
        if not (0 <= self.round_trip_ms <= 60_000 and 0 <= self.jitter_ms <= 60_000):
            raise InputError("round trip and jitter must be 0 to 60000 ms")
        if not 0 <= self.loss <= 0.9:
            raise InputError(f"a loss of {self.loss:g} is not in 0 to 0.9")

    def changed(self, **fields: float) -> Shape:
        """A copy with other values; InputError for an unknown field or a value that is no number."""
        for name, value in fields.items():
            if name not in Shape.__slots__:
                raise InputError(f"a link has no {name!r}: use {', '.join(Shape.__slots__)}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{name} must be a number, not {value!r}")
        return replace(self, **fields)


@dataclass(slots=True)
class _Segment(Generic[K]):
    key: K
    data: bytes
    time_s: float
    """Of its arrival at the link while it waits, of its delivery while it travels."""


@dataclass(slots=True)
class _Connection:
    """What the line remembers of one."""

    held_bytes: int = 0
    waiting: int = 0
    """Segments."""
    left_s: float = -math.inf
    """When its last segment left the link."""
    window_s: deque[float] = field(default_factory=deque)
    """When the segments of the last congestion window arrived."""


class ShapedLine(Generic[K]):
    """Segments of many connections on their way in one direction; ``key`` names the connection.

    Times are seconds on any clock that never goes back. Random draws come from ``generator``.
    """

    def __init__(self, rate_mbit: float, shape: Shape, generator: random.Random) -> None:
        self._generator = generator
        self._waiting: deque[_Segment[K]] = deque()
        self._travelling: deque[_Segment[K]] = deque()
        self._free_s = 0.0
        self._connections: dict[K, _Connection] = {}
        self._configure(rate_mbit, shape)

    def _configure(self, rate_mbit: float, shape: Shape) -> None:
        self._byte_s = 8e-6 / rate_mbit
        self._delay_s = shape.round_trip_ms / 2000
        self._jitter_s = shape.jitter_ms / 1000
        self._loss = shape.loss
        self._window = window_segments(shape.loss)

    def reshape(self, now_s: float, rate_mbit: float, shape: Shape) -> None:
        """Change the link: what has left it keeps its time, what waits leaves at the new rate."""
        self._advance(now_s)
        self._configure(rate_mbit, shape)
        self._free_s = max(self._free_s, now_s)

    def push(self, now_s: float, key: K, data: bytes) -> None:
        """Put bytes on the line; empty data is an end mark, delivered in order and without cost."""
        connection = self._connections.setdefault(key, _Connection())
        for start in range(0, max(len(data), 1), SEGMENT_BYTES):
            self._waiting.append(_Segment(key, data[start : start + SEGMENT_BYTES], now_s))
            connection.waiting += 1
        connection.held_bytes += len(data)

    def held(self, key: K) -> int:
        """Bytes of a connection on the line."""
        connection = self._connections.get(key)
        return connection.held_bytes if connection else 0

    def forget(self, key: K) -> None:
        """Drop what is kept of a connection that is gone; its segments are delivered as empty bytes."""
        self._connections.pop(key, None)
        for segment in (*self._waiting, *self._travelling):
            if segment.key == key:
                segment.data = b""

    def due(self, now_s: float) -> list[tuple[K, bytes]]:
        """Take everything that has arrived by now, in order for each connection."""
        self._advance(now_s)
        arrived: list[tuple[K, bytes]] = []
        while self._travelling and self._travelling[0].time_s <= now_s:
            segment = self._travelling.popleft()
            arrived.append((segment.key, segment.data))
            if (connection := self._connections.get(segment.key)) is not None:
                connection.held_bytes -= len(segment.data)
        return arrived

    def next_s(self) -> float | None:
        """When to call :meth:`due` again; None when the line is empty."""
        times_s = [self._travelling[0].time_s] if self._travelling else []
        if self._waiting:
            times_s.append(self._leaves_s(self._waiting[0]) + self._delay_s)
        return min(times_s, default=None)

    def _leaves_s(self, segment: _Segment[K]) -> float:
        return max(self._free_s, segment.time_s) + len(segment.data) * self._byte_s

    def _advance(self, now_s: float) -> None:
        """Move segments that have left the link by now to the delay line."""
        while self._waiting and (leaves_s := self._leaves_s(self._waiting[0])) <= now_s:
            segment = self._waiting.popleft()
            self._free_s = leaves_s
            arrives_s = leaves_s + self._delay_s + self._jitter_s * self._generator.random()
            connection = self._connections.get(segment.key)
            if connection is not None:
                connection.waiting -= 1
                arrives_s += self._retransmissions(segment, connection)
                arrives_s = self._in_order(connection, arrives_s)
                connection.left_s = leaves_s
            segment.time_s = arrives_s
            self._insert(segment)

    def _in_order(self, connection: _Connection, arrives_s: float) -> float:
        """Not before what was sent earlier, nor sooner than the congestion window allows."""
        window_s = connection.window_s
        if window_s:
            arrives_s = max(arrives_s, window_s[-1])
        if self._window is not None and len(window_s) >= self._window:
            arrives_s = max(arrives_s, window_s[-self._window] + 2 * self._delay_s)
        window_s.append(arrives_s)
        while len(window_s) > (self._window or 1):
            window_s.popleft()
        return arrives_s

    def _retransmissions(self, segment: _Segment[K], connection: _Connection) -> float:
        """Extra time of a segment that is lost; each loss costs the link another transmission."""
        if not segment.data or not self._loses(segment):
            return 0.0
        round_trip_ms = 2000 * self._delay_s
        followed = connection.waiting > 0
        # What was sent before is acknowledged by now.
        alone = segment.time_s - connection.left_s > 2 * self._delay_s
        timeouts = 1 if alone and not followed else 0
        while timeouts < MAX_TIMEOUTS and self._loses(segment):
            timeouts += 1
        found_ms = round_trip_ms if followed else 0.0 if alone else probe_ms(round_trip_ms)
        return (found_ms + timeouts_ms(round_trip_ms, timeouts)) / 1000

    def _loses(self, segment: _Segment[K]) -> bool:
        lost = self._loss > 0 and self._generator.random() < self._loss
        if lost:
            self._free_s += len(segment.data) * self._byte_s
        return lost

    def _insert(self, segment: _Segment[K]) -> None:
        """Keep the delay line sorted: a retransmission of one connection does not hold up the others."""
        line = self._travelling
        position = len(line)
        while position and line[position - 1].time_s > segment.time_s:
            position -= 1
        line.insert(position, segment)
