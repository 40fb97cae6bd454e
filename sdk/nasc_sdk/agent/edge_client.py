"""The board's side of the tensor port: requests, pings, and knowing whether the server is there.

Theory of operation
-------------------
Requests and pings have a connection each: a ping must not make a request wait for a round trip. Requests go
one at a time. A request that fails marks the server as down; from then on requests fail at once, and
:meth:`EdgeClient.probe`, called again and again by one background thread, opens new connections with a growing
pause until the server answers a ping. Every exchange is told to the observer, which estimates the link.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.edge_connection import Address, EdgeConnection
from nasc_sdk.errors import NascError, RefusedError, RemoteError, RemoteProtocolError, UnreachableError
from nasc_sdk.protocol.frames import Ping, Pong, Reply, Request, Status

PAUSE_S: Final = (0.1, 2.0)
"""Shortest and longest pause between two attempts to reach a server that is down."""
_MAX_ID: Final = 0xFFFFFFFF


class Observer(Protocol):
    """Is told what crossed the link; called from the threads that ask and probe."""

    def transfer(self, payload_bytes: int, elapsed_ms: float) -> None:
        """A payload and its small answer, without the time the server kept it."""

    def ping(self, elapsed_ms: float) -> None:
        """A small exchange."""

    def timeout(self, payload_bytes: int, waited_ms: float) -> None:
        """A request that got no answer in time."""


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """Logits and where the time went, milliseconds; server times are the server's own."""

    logits: NDArray[np.float32]
    elapsed_ms: float
    """From the first byte out to the last one in."""
    queue_ms: float
    decode_ms: float
    tail_ms: float

    @property
    def uplink_ms(self) -> float:
        """What the link took: the exchange without the server's own time."""
        return max(self.elapsed_ms - self.queue_ms - self.decode_ms - self.tail_ms, 0.0)


class EdgeClient:
    """Thread-safe. ``timeout_s`` bounds a request as a whole: waiting for others, connecting, the answer."""

    def __init__(
        self, observer: Observer, *, timeout_s: float = 1.0, pause_s: tuple[float, float] = PAUSE_S
    ) -> None:
        self._observer, self._timeout_s, self._pause_s = observer, timeout_s, pause_s
        self._address: Address | None = None
        self._requests: EdgeConnection | None = None
        self._pings: EdgeConnection | None = None
        self._request_lock, self._ping_lock = threading.Lock(), threading.Lock()
        self._down_reason = "its address is not known yet"
        self._next_attempt_s = 0.0
        self._failures = 0
        self._last_id = self._last_ping_id = 0
        self._last_request_s = time.monotonic()

    @property
    def address(self) -> Address | None:
        """Where the server is; None while that is not known."""
        return self._address

    @property
    def up(self) -> bool:
        """Whether the last exchange worked; while it did not, requests fail at once."""
        return not self._down_reason

    @property
    def idle_s(self) -> float:
        """Seconds since the last request ended; 0 while one is under way."""
        return 0.0 if self._request_lock.locked() else time.monotonic() - self._last_request_s

    def go_to(self, address: Address | None) -> None:
        """Use the server at another address from the next request on; the same address tries again at once."""
        if address != self._address:
            self._address = address
            self._mark_down("not connected yet" if address else "its address is not known yet")
        self._next_attempt_s, self._failures = 0.0, 0

    def ask(self, contract: str, payload: bytes) -> EdgeAnswer:
        """Logits of one sample.

        Raises UnreachableError within the timeout (at once while the server is known to be down), RefusedError
        with the code ``unknown_contract``, ``overloaded``, ``bad_payload`` or ``failed``.
        """
        deadline_s = time.monotonic() + self._timeout_s
        if self._down_reason:
            raise UnreachableError(self._peer, f"down, tried again in the background: {self._down_reason}")
        if not self._request_lock.acquire(timeout=self._timeout_s):
            raise UnreachableError(self._peer, "earlier requests took the whole timeout")
        try:
            return self._ask(contract, payload, deadline_s)
        finally:
            self._last_request_s = time.monotonic()
            self._request_lock.release()

    def _ask(self, contract: str, payload: bytes, deadline_s: float) -> EdgeAnswer:
        self._last_id = self._last_id % _MAX_ID + 1
        request = Request(contract, self._last_id, payload)
        sent_s = time.monotonic()
        connection = None
        try:
            connection = self._requests
            if connection is None:
                connection = self._requests = self._connect(deadline_s)
            sent_s = time.monotonic()
            reply, elapsed_ms = connection.exchange(request, deadline_s)
            if not isinstance(reply, Reply) or reply.request_id != request.request_id:
                raise RemoteProtocolError(self._peer, f"answered a request with {type(reply).__name__}")
            logits = _logits(reply, self._peer)
        except RemoteError as error:
            self._mark_down(str(error))
            if connection is not None and isinstance(error.__cause__, TimeoutError):
                self._observer.timeout(len(payload), (time.monotonic() - sent_s) * 1e3)
            raise UnreachableError(self._peer, str(error)) from error
        self._observer.transfer(len(payload), max(elapsed_ms - reply.server_us / 1e3, 0.0))
        if reply.status is not Status.OK:
            raise RefusedError(reply.status.name.lower(), f"{self._peer}: {reply.reason}")
        times_ms = (time_us / 1e3 for time_us in (reply.queue_us, reply.decode_us, reply.tail_us))
        return EdgeAnswer(logits, elapsed_ms, *times_ms)

    def probe(self, padding_bytes: int = 0) -> bool:
        """One ping, padded to measure throughput; brings a server that is down back. Whether it was answered."""
        with self._ping_lock:
            if self._address is None or time.monotonic() < self._next_attempt_s:
                return False
            try:
                self._ping(padding_bytes)
            except NascError as error:
                self._close_pings()
                # A failed ping alone is no loss of the server: a request may still be on its way.
                if self._down_reason or not isinstance(error.__cause__, TimeoutError):
                    self._mark_down(str(error))
                    self._postpone()
                return False
            self._next_attempt_s, self._failures = 0.0, 0
            if self._down_reason:
                self._revive()
            return True

    def close(self) -> None:
        """Close both connections; requests that wait get UnreachableError."""
        self._address = None
        self._mark_down("closed")
        with self._ping_lock:
            self._close_pings()

    @property
    def _peer(self) -> str:
        return "edge server at {}:{}".format(*self._address) if self._address else "edge server"

    def _connect(self, deadline_s: float) -> EdgeConnection:
        address = self._address
        if address is None:
            raise UnreachableError(self._peer, self._down_reason)
        return EdgeConnection(address, max(deadline_s - time.monotonic(), 1e-3))

    def _ping(self, padding_bytes: int) -> None:
        deadline_s = time.monotonic() + self._timeout_s
        if self._pings is not None and self._pings.address != self._address:
            self._close_pings()
        if self._pings is None:
            self._pings = self._connect(deadline_s)
        self._last_ping_id = self._last_ping_id % _MAX_ID + 1
        ping, sent_s = Ping(self._last_ping_id, bytes(padding_bytes)), time.monotonic()
        try:
            pong, elapsed_ms = self._pings.exchange(ping, deadline_s)
        except UnreachableError as error:
            if isinstance(error.__cause__, TimeoutError) and not self._down_reason:
                self._observer.timeout(padding_bytes, (time.monotonic() - sent_s) * 1e3)
            raise
        if not isinstance(pong, Pong) or pong.ping_id != ping.ping_id:
            raise RemoteProtocolError(self._peer, f"answered a ping with {type(pong).__name__}")
        if padding_bytes:
            self._observer.transfer(padding_bytes, elapsed_ms)
        else:
            self._observer.ping(elapsed_ms)

    def _revive(self) -> None:
        """Connect for requests too before they are let through: the first one must not pay for it."""
        try:
            connection = self._connect(time.monotonic() + self._timeout_s)
        except UnreachableError:
            self._postpone()
            return
        with self._request_lock:
            previous, self._requests = self._requests, connection
            # Closed, or moved elsewhere, in the meantime: then the connection is of no use.
            if connection.address == self._address:
                self._down_reason = ""
            else:
                previous, self._requests = connection, previous
        if previous is not None:
            previous.close()

    def _mark_down(self, reason: str) -> None:
        self._down_reason = reason
        connection, self._requests = self._requests, None
        if connection is not None:
            connection.close()

    def _close_pings(self) -> None:
        connection, self._pings = self._pings, None
        if connection is not None:
            connection.close()

    def _postpone(self) -> None:
        shortest, longest = self._pause_s
        self._next_attempt_s = time.monotonic() + min(shortest * 2**self._failures, longest)
        self._failures = min(self._failures + 1, 16)


def _logits(reply: Reply, peer: str) -> NDArray[np.float32]:
    if reply.status is not Status.OK:
        return np.empty(0, np.float32)
    if not reply.payload or len(reply.payload) % 4:
        raise RemoteProtocolError(peer, f"{len(reply.payload)} bytes are no float32 logits")
    return np.frombuffer(reply.payload, "<f4").astype(np.float32, copy=False)
