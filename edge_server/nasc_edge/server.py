"""The tensor port: many devices, each a connection of frames, answered by the tails of a store.

What a client can make the server hold is bounded: connections, bytes of unfinished frames, queued requests,
and answers that are not read. A client beyond its share is told (OVERLOADED, Error) or not read any
further; one that sends garbage or stalls in the middle of a frame loses its own connection and nothing
else.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import dataclass
from typing import Final, cast

from nasc_edge.tails import Installed, TailStore, answer
from nasc_edge.workers import Workers
from nasc_sdk.errors import ListenError, RemoteProtocolError
from nasc_sdk.protocol.frames import (
    MAX_PAYLOAD,
    Error,
    Frame,
    FrameParser,
    Ping,
    Pong,
    Reply,
    Request,
    Status,
    encode,
)

_log = logging.getLogger(__name__)
_SWEEP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may use of the server."""

    connections: int = 256
    queued: int = 64
    """Requests that wait for a worker, over all connections."""
    in_flight: int = 64
    """Unanswered requests of one connection; beyond it, its socket is not read."""
    buffered_bytes: int = 256 << 20
    """Of unfinished frames, over all connections."""
    stall_s: float = 20.0
    """A frame that is not complete, or an answer that is not read, after this long ends the connection."""
    idle_s: float = 900.0


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    requests: int = 0
    refused: int = 0
    garbage: int = 0
    connections: int = 0


class TensorServer:
    """Serves ``store`` on a TCP port. All methods but the constructor belong to the event loop's thread."""

    def __init__(self, store: TailStore, *, workers: int = 1, limits: Limits | None = None) -> None:
        self.store = store
        self.limits = limits or Limits()
        self.counters = Counters()
        self.workers = Workers(workers, self.limits.queued)
        self.buffered = 0
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the real port. Raises ListenError when the address cannot be used."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self, loop), host, port, backlog=512)
        except OSError as error:
            raise ListenError(f"{host}:{port}", error) from error
        self._sweeper = loop.create_task(self._sweep())
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening, drop the connections, end the workers."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.abort()
        await asyncio.get_running_loop().run_in_executor(None, self.workers.close)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = time.monotonic()
            for connection in tuple(self.connections):
                connection.check(now)


class _Connection(asyncio.Protocol):
    """One device's connection."""

    def __init__(self, server: TensorServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self._parser = FrameParser("device", MAX_PAYLOAD)
        self._transport: asyncio.Transport | None = None
        self._frame_started = 0.0
        self._last_heard = time.monotonic()
        self._unread_since: float | None = None
        self._pending = 0
        self._in_flight = 0
        self._reading = True

    # --- Called by asyncio ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self._server.connections) >= self._server.limits.connections:
            self._end("too many connections")
            return
        self._server.connections.add(self)
        self._server.counters.connections += 1

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._last_heard = now
        if not self._parser.pending:
            self._frame_started = now
        self._parser.receive_data(data)
        try:
            for frame in self._parser.frames():
                self._handle(frame, now)
                self._frame_started = now
        except RemoteProtocolError as error:
            self._server.counters.garbage += 1
            self._end(error.reason)
        self._account()

    def pause_writing(self) -> None:
        self._unread_since = time.monotonic()
        self._regulate()

    def resume_writing(self) -> None:
        self._unread_since = None
        self._regulate()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)
        self._server.buffered -= self._pending
        self._pending = 0

    # --- Called by the server ---------------------------------------------------------------------

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """End the connection when it stalls or idles."""
        limits = self._server.limits
        if self._unread_since is not None and now - self._unread_since > limits.stall_s:
            self.abort()
        elif self._reading and self._parser.pending and now - self._last_heard > limits.stall_s:
            self._end("the rest of the frame did not come")
        elif not self._in_flight and now - self._last_heard > limits.idle_s:
            self._end("idle")

    # --- Frames -----------------------------------------------------------------------------------

    def _handle(self, frame: Frame, now: float) -> None:
        receive_us = int((now - self._frame_started) * 1e6)
        match frame:
            case Request():
                self._request(frame, receive_us)
            case Ping():
                self._send(Pong(frame.ping_id, receive_us))
            case _:
                raise RemoteProtocolError("device", f"a device does not send {type(frame).__name__}")

    def _request(self, request: Request, receive_us: int) -> None:
        self._server.counters.requests += 1
        installed = self._server.store.get(request.contract)
        if installed is None:
            self._refuse(request, Status.UNKNOWN_CONTRACT, f"no tail of contract {request.contract} here")
            return
        if not installed.codec.fits(len(request.payload), request.count):
            contract = installed.contract
            tensors = f"{request.count} tensors of {contract.shape} ({contract.encoding})"
            self._refuse(request, Status.BAD_PAYLOAD, f"{len(request.payload)} bytes are not {tensors}")
            return
        job = _Job(self, self._loop, request, installed, receive_us, time.perf_counter_ns())
        if not self._server.workers.submit(job):
            waiting = self._server.limits.queued
            self._refuse(request, Status.OVERLOADED, f"{waiting} requests are waiting already")
            return
        self._in_flight += 1
        self._regulate()

    def answered(self, reply: Reply) -> None:
        """A worker has finished a request."""
        self._in_flight -= 1
        if reply.status is Status.BAD_PAYLOAD:
            self._server.counters.refused += 1
        self._send(reply)
        self._regulate()

    def _refuse(self, request: Request, status: Status, reason: str) -> None:
        self._server.counters.refused += 1
        self._send(Reply(request.request_id, status, reason.encode()))

    def _send(self, frame: Frame) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(frame))

    def _end(self, reason: str) -> None:
        self._send(Error(reason))
        if self._transport is not None:
            self._transport.close()

    def _account(self) -> None:
        if self._transport is None:
            return
        self._server.buffered += self._parser.pending - self._pending
        self._pending = self._parser.pending
        if self._server.buffered > self._server.limits.buffered_bytes:
            self._end("the server holds too many unfinished frames")

    def _regulate(self) -> None:
        """Read only while answers are taken and few requests are open."""
        if self._transport is None or self._transport.is_closing():
            return
        room = self._unread_since is None and self._in_flight < self._server.limits.in_flight
        if room and not self._reading:
            self._last_heard = time.monotonic()
            self._transport.resume_reading()
        elif not room and self._reading:
            self._transport.pause_reading()
        self._reading = room


@dataclass(frozen=True, slots=True)
class _Job:
    """One request on its way through a worker."""

    connection: _Connection
    loop: asyncio.AbstractEventLoop
    request: Request
    installed: Installed
    receive_us: int
    queued_ns: int

    def __call__(self, worker: int) -> None:
        """Run in the worker's thread; whatever a runtime throws becomes FAILED."""
        request, queue_us = self.request, (time.perf_counter_ns() - self.queued_ns) // 1000
        try:
            done = answer(self.installed, request.payload, request.count, worker)
            times = (self.receive_us, queue_us, done.decode_us, done.tail_us)
            reply = Reply(request.request_id, Status.OK, done.logits, *times)
        except RemoteProtocolError as error:
            reply = Reply(request.request_id, Status.BAD_PAYLOAD, str(error).encode())
        except Exception as error:
            _log.exception("tail of contract %s failed", request.contract)
            reply = Reply(request.request_id, Status.FAILED, f"{type(error).__name__}: {error}".encode())
        try:
            self.loop.call_soon_threadsafe(self.connection.answered, reply)
        except RuntimeError:
            _log.debug("the server ended before request %d was answered", request.request_id)
