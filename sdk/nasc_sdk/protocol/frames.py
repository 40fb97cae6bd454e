"""Tensor frames between a board and an edge server: bytes in, frames out, no sockets and no clock.

Theory of operation
-------------------
Every frame is ``MAGIC`` (2 bytes), ``VERSION`` (1), kind (1), length of the body (4), body; integers are
big-endian, tensors little-endian. Magic and version stand in every frame, so that no state has to be agreed
on first and a stranger is recognised by its first bytes, before anything is buffered for it.

The file does not know its role: the board sends Request and Ping, the server Reply, Pong and Error, and both
parse with :class:`FrameParser`. What a peer may send *when* is the caller's matter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from nasc_sdk.errors import RemoteProtocolError

MAGIC: Final = b"NF"
VERSION: Final = 1
MAX_PAYLOAD: Final = 16 << 20
"""Largest tensor (or padding) of one frame, bytes."""
MAX_COUNT: Final = 4096
"""Largest number of samples in one request."""

_HEADER: Final = struct.Struct(">2sBBI")
_REQUEST: Final = struct.Struct(">8sII")
_REPLY: Final = struct.Struct(">IBIIII")
_PING: Final = struct.Struct(">I")
_PONG: Final = struct.Struct(">II")
_MAX_BODY: Final = MAX_PAYLOAD + 64
_MAX_U32: Final = 0xFFFFFFFF


class Status(IntEnum):
    """What became of a request."""

    OK = 0
    """The payload is logits: float32, little-endian, count x classes."""
    UNKNOWN_CONTRACT = 1
    """The server holds no tail of this contract (any more)."""
    BAD_PAYLOAD = 2
    """The payload is not ``count`` tensors of the contract's shape and encoding."""
    OVERLOADED = 3
    """The server's queue is full; asking again later is sensible."""
    FAILED = 4
    """The tail could not be run."""


@dataclass(frozen=True, slots=True)
class Request:
    """Asks for the logits of ``count`` cut tensors, one after another in ``payload``."""

    contract: str
    """16 hexadecimal digits."""
    request_id: int
    payload: bytes
    count: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """Answers the request of the same id; times are the server's own, microseconds."""

    request_id: int
    status: Status
    payload: bytes = b""
    """Logits when OK, otherwise the reason in UTF-8."""
    receive_us: int = 0
    """From the frame's first byte to its last: time on the link, as the receiver saw it."""
    queue_us: int = 0
    """From the frame's last byte until a worker took it."""
    decode_us: int = 0
    tail_us: int = 0

    @property
    def server_us(self) -> int:
        """Time the server kept the request: what is left of the round trip belongs to the link."""
        return self.queue_us + self.decode_us + self.tail_us

    @property
    def reason(self) -> str:
        """Why the request failed; empty when it did not."""
        return "" if self.status is Status.OK else self.payload.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a Pong at once; ``padding`` makes it a probe of throughput."""

    ping_id: int
    padding: bytes = b""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers the ping of the same id; ``receive_us`` as in :class:`Reply`."""

    ping_id: int
    receive_us: int = 0


@dataclass(frozen=True, slots=True)
class Error:
    """The last frame before the sender closes the connection."""

    reason: str


Frame = Request | Reply | Ping | Pong | Error

_KINDS: Final[tuple[type[Frame], ...]] = (Request, Reply, Ping, Pong, Error)
"""The kind on the wire is the position plus one."""


def encode(frame: Frame) -> bytes:
    """Bytes of one frame; ValueError when a field does not fit its place (the caller's own mistake)."""
    body = _encode_body(frame)
    length = sum(map(len, body))
    if length > _MAX_BODY:
        raise ValueError(f"a frame of {length} bytes is over the limit of {MAX_PAYLOAD}")
    return b"".join((_HEADER.pack(MAGIC, VERSION, _KINDS.index(type(frame)) + 1, length), *body))


def _encode_body(frame: Frame) -> tuple[bytes, ...]:
    try:
        match frame:
            case Request():
                if not 1 <= frame.count <= MAX_COUNT:
                    raise ValueError(f"{frame.count} samples in one request")
                contract = bytes.fromhex(frame.contract)
                if len(contract) != 8:
                    raise ValueError(f"contract {frame.contract!r} is not 16 hexadecimal digits")
                return _REQUEST.pack(contract, frame.request_id, frame.count), frame.payload
            case Reply():
                times = (frame.receive_us, frame.queue_us, frame.decode_us, frame.tail_us)
                capped = (min(time, _MAX_U32) for time in times)
                return _REPLY.pack(frame.request_id, frame.status, *capped), frame.payload
            case Ping():
                return _PING.pack(frame.ping_id), frame.padding
            case Pong():
                return (_PONG.pack(frame.ping_id, min(frame.receive_us, _MAX_U32)),)
            case Error():
                return (frame.reason.encode()[:1024],)
    except struct.error as error:
        raise ValueError(f"{type(frame).__name__} does not fit its frame: {error}") from error


class FrameParser:
    """Turns a byte stream into frames; ``where`` names the peer in errors.

    Bytes are copied twice (in, out) whatever the size of the pieces. After a RemoteProtocolError the stream
    has no known frame boundary any more, so every further call raises the same error.
    """

    def __init__(self, where: str = "tensor port", max_payload: int = MAX_PAYLOAD) -> None:
        self._where = where
        self._max_body = max_payload + 64
        self._buffer = bytearray()
        self._failed: RemoteProtocolError | None = None

    @property
    def pending(self) -> int:
        """Bytes held of a frame that is not complete."""
        return len(self._buffer)

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes as they came; :meth:`frames` returns what they complete."""
        if self._failed is None:
            self._buffer += data

    def frames(self) -> Iterator[Frame]:
        """Yield every complete frame; raises RemoteProtocolError at the first byte that cannot be one."""
        while (frame := self.next_frame()) is not None:
            yield frame

    def next_frame(self) -> Frame | None:
        """The next complete frame, or None when more bytes are needed; raises RemoteProtocolError."""
        if self._failed is not None:
            raise self._failed
        try:
            return self._next_frame()
        except RemoteProtocolError as error:
            self._failed = error
            self._buffer.clear()
            raise

    def _next_frame(self) -> Frame | None:
        buffer = self._buffer
        self._check_prefix()
        if len(buffer) < _HEADER.size:
            return None
        _, _, kind, length = _HEADER.unpack_from(buffer)
        if not 1 <= kind <= len(_KINDS):
            raise self._refuse(f"unknown frame kind {kind}")
        if length > self._max_body:
            raise self._refuse(f"a frame of {length} bytes is over the limit of {self._max_body}")
        end = _HEADER.size + length
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view, view[_HEADER.size : end] as body:
            frame = self._decode(_KINDS[kind - 1], body)
        # A bytearray drops its front without moving what follows.
        del buffer[:end]
        return frame

    def _check_prefix(self) -> None:
        """Refuse a stranger as soon as one byte of magic or version differs."""
        prefix = MAGIC + bytes((VERSION,))
        seen = bytes(self._buffer[: len(prefix)])
        if seen[:2] != MAGIC[: len(seen)]:
            raise self._refuse(f"not a tensor frame: starts with {seen!r}")
        if len(seen) == len(prefix) and seen != prefix:
            raise self._refuse(f"frame of version {seen[2]}, this side speaks {VERSION}")

    def _decode(self, kind: type[Frame], body: memoryview) -> Frame:
        try:
            if kind is Request:
                contract, request_id, count = _REQUEST.unpack_from(body)
                if not 1 <= count <= MAX_COUNT:
                    raise self._refuse(f"a request of {count} samples, 1 to {MAX_COUNT} are allowed")
                return Request(contract.hex(), request_id, bytes(body[_REQUEST.size :]), count)
            if kind is Reply:
                request_id, status, *times = _REPLY.unpack_from(body)
                return Reply(request_id, self._status(status), bytes(body[_REPLY.size :]), *times)
            if kind is Ping:
                (ping_id,) = _PING.unpack_from(body)
                return Ping(ping_id, bytes(body[_PING.size :]))
            if kind is Pong:
                return Pong(*_PONG.unpack(body))
            return Error(bytes(body).decode("utf-8", "replace"))
        except struct.error as error:
            raise self._refuse(f"{kind.__name__} of {len(body)} bytes: {error}") from error

    def _status(self, value: int) -> Status:
        try:
            return Status(value)
        except ValueError as error:
            raise self._refuse(f"unknown status {value}") from error

    def _refuse(self, reason: str) -> RemoteProtocolError:
        return RemoteProtocolError(self._where, reason)
