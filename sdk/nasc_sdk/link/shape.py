"""The shaping proxy: puts a link of given bandwidth, delay, jitter and loss before a TCP port.

It runs in its own process (``nasc-sdk shape``), since a busy neighbour in the same interpreter would show up
as jitter. Timers need better than a millisecond: the event loop waits with ``select``, whose timeout is in
microseconds, because ``epoll`` rounds up to whole milliseconds.

The control port takes one JSON object a line, e.g. ``{"rate_mbit": 1, "round_trip_ms": 60}``, changes what it
names and answers ``{"ok": true, ...}`` with the link as it is now, or ``{"ok": false, "reason": ...}``.
"""

from __future__ import annotations

import asyncio
import json
import random
import selectors
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, cast

from nasc_sdk.errors import InputError, ListenError, RefusedError, RemoteProtocolError, UnreachableError
from nasc_sdk.link.shaped_line import Shape, ShapedLine

MAX_HELD_BYTES: Final = 256 << 10
"""Of one connection and direction; beyond it (or two bandwidth-delay products) the source is not read."""
MAX_CONNECTIONS: Final = 400
"""``select`` takes file descriptors below 1024, and each connection has two."""
_LEAD_S: Final = 0.00015
"""What a timer and the write after it are typically late (measured 0.1 to 0.2 ms); we start this early."""
_MAX_CONTROL_LINE: Final = 4096
_CONNECT_TIMEOUT_S: Final = 5.0


class _End(asyncio.Protocol):
    """One socket of a proxied connection; ``peer`` is the socket on the other side of the link."""

    def __init__(self, direction: _Direction) -> None:
        self.direction = direction
        self.peer: _End | None = None
        self.transport: asyncio.Transport | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self._writable = True
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        _set_nodelay(transport)
        self.regulate()
        if self.peer is not None:
            self.peer.regulate()

    def data_received(self, data: bytes) -> None:
        self.direction.push(self, data)
        self.regulate()

    def eof_received(self) -> bool:
        self.direction.push(self, b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.direction.push(self, b"")
        self.transport = None
        self.on_lost()

    def pause_writing(self) -> None:
        self._writable = False
        if self.peer is not None:
            self.peer.regulate()

    def resume_writing(self) -> None:
        self._writable = True
        if self.peer is not None:
            self.peer.regulate()

    def regulate(self) -> None:
        """Read only while the line has room and the socket behind it is connected and has room, too."""
        if self.transport is None or self.transport.is_closing() or self.peer is None:
            return
        room = self.direction.has_room(self) and self.peer.transport is not None and self.peer._writable
        if room and not self._reading:
            self.transport.resume_reading()
        elif not room and self._reading:
            self.transport.pause_reading()
        self._reading = room

    def deliver(self, data: bytes) -> None:
        """Write what arrived from the peer; empty data is its end."""
        if self.transport is None or self.transport.is_closing():
            return
        if data:
            self.transport.write(data)
        elif self.peer is not None and self.peer.transport is None:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()


class _Direction:
    """A :class:`ShapedLine` on the event loop's clock."""

    def __init__(self, shape: Shape, rate_mbit: float, generator: random.Random) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: ShapedLine[_End] = ShapedLine(rate_mbit, shape, generator)
        self._timer: asyncio.TimerHandle | None = None
        self._max_held = MAX_HELD_BYTES
        self.reshape(shape, rate_mbit)

    def reshape(self, shape: Shape, rate_mbit: float) -> None:
        self._line.reshape(self._loop.time() + _LEAD_S, rate_mbit, shape)
        bandwidth_delay = rate_mbit * 125_000 * (shape.round_trip_ms + shape.jitter_ms) / 1000
        self._max_held = max(MAX_HELD_BYTES, int(2 * bandwidth_delay))
        self._deliver()

    def push(self, source: _End, data: bytes) -> None:
        self._line.push(self._loop.time(), source, data)
        self._deliver()

    def has_room(self, source: _End) -> bool:
        return self._line.held(source) < self._max_held

    def forget(self, source: _End) -> None:
        self._line.forget(source)

    def _deliver(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pieces: dict[_End, list[bytes]] = {}
        for source, data in self._line.due(self._loop.time() + _LEAD_S):
            pieces.setdefault(source, []).append(data)
        for source, parts in pieces.items():
            if source.peer is not None:
                if any(parts):
                    source.peer.deliver(b"".join(parts))
                if not parts[-1]:
                    source.peer.deliver(b"")
            source.regulate()
        wake_s = self._line.next_s()
        if wake_s is not None:
            self._timer = self._loop.call_at(wake_s - _LEAD_S, self._deliver)


class ShapingProxy:
    """Listens on ``listen``, forwards to ``to``, takes changes on ``control``; addresses are (host, port).

    ``seed`` makes jitter and loss repeatable for the same traffic.
    """

    def __init__(self, to: tuple[str, int], shape: Shape, seed: int = 0) -> None:
        self._to = to
        self._seed = seed
        self.shape = shape
        self._pairs: set[tuple[_End, _End]] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self, listen: tuple[str, int], control: tuple[str, int]) -> tuple[int, int]:
        """Open both ports; returns the real ones. Raises ListenError when an address cannot be used."""
        loop = asyncio.get_running_loop()
        up, down = random.Random(self._seed), random.Random(self._seed + 1)
        self._up = _Direction(self.shape, self.shape.rate_mbit, up)
        self._down = _Direction(self.shape, self.shape.down_mbit or self.shape.rate_mbit, down)
        try:
            wanted = listen
            proxy = await loop.create_server(self._accept, *wanted)
            self._servers.append(proxy)
            wanted = control
            controller = await asyncio.start_server(self._control, *wanted, limit=_MAX_CONTROL_LINE)
            self._servers.append(controller)
        except OSError as error:
            await self.close()
            raise ListenError(f"{wanted[0]}:{wanted[1]}", error) from error
        return proxy.sockets[0].getsockname()[1], controller.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close ports and connections; what is on the line is dropped."""
        for server in self._servers:
            server.close()
        for task in self._connecting:
            task.cancel()
        for pair in tuple(self._pairs):
            for end in pair:
                if end.transport is not None:
                    end.transport.abort()
        await asyncio.sleep(0)

    def change(self, **fields: float) -> Shape:
        """Change the link from now on; InputError leaves it as it was."""
        self.shape = self.shape.changed(**fields)
        self._up.reshape(self.shape, self.shape.rate_mbit)
        self._down.reshape(self.shape, self.shape.down_mbit or self.shape.rate_mbit)
        return self.shape

    def _accept(self) -> asyncio.Protocol:
        client, server = _End(self._up), _End(self._down)
        client.peer, server.peer = server, client
        client.on_lost = server.on_lost = lambda: self._forget(client, server)
        task = asyncio.get_running_loop().create_task(self._connect(client, server))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return client

    async def _connect(self, client: _End, server: _End) -> None:
        self._pairs.add((client, server))
        try:
            if len(self._pairs) > MAX_CONNECTIONS:
                raise OSError("too many connections")
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(lambda: server, *self._to)
            if client.transport is None and server.transport is not None:
                server.transport.close()
        except (OSError, TimeoutError):
            # A device must see at once that nobody is there, as with a refused connection.
            self._pairs.discard((client, server))
            if client.transport is not None:
                client.transport.abort()

    def _forget(self, client: _End, server: _End) -> None:
        if client.transport is None and server.transport is None:
            self._pairs.discard((client, server))
            self._up.forget(client)
            self._down.forget(server)

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # a line over the limit, or a client that is gone: closing is the answer
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise InputError("one JSON object a line is expected")
            return {"ok": True, **asdict(self.change(**fields))}
        except (ValueError, RecursionError, InputError) as error:
            return {"ok": False, "reason": str(error)}


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose timers are good to about 0.1 ms."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def set_link(control: str, *, timeout_s: float = 5.0, **fields: float) -> Shape:
    """Change a running proxy's link; ``fields`` as in :class:`Shape`, those not named stay as they are.

    Raises UnreachableError, RefusedError (code ``bad_link``) or RemoteProtocolError.
    """
    host, port = parse_address(control)
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.sendall(json.dumps(fields).encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline(_MAX_CONTROL_LINE)
    except OSError as error:
        raise UnreachableError(f"link control at {control}", str(error)) from error
    try:
        answer = json.loads(line)
        if answer.pop("ok"):
            return Shape(**answer)
        reason = str(answer["reason"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RemoteProtocolError(f"link control at {control}", f"unexpected answer {line[:80]!r}") from error
    raise RefusedError("bad_link", reason)


def parse_address(text: str) -> tuple[str, int]:
    """``host:port`` as a pair; InputError when it is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{text!r} is no address: use host:port")
    return host.strip("[]"), int(port)


def _set_nodelay(transport: asyncio.BaseTransport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
