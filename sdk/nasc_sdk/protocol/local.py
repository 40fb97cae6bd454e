"""The board's local inference port: an image in, an answer or a refusal out. Bytes only, no sockets.

A request is ``NL``, the version (1), a zero byte, height, width and channels (2 bytes each, big-endian), then
height x width x channels bytes of a uint8 image. A reply is ``NL``, the version, 0 (an answer) or 1 (a
refusal), the length of the body (4 bytes), and the body in JSON: an Answer, or ``code`` and ``reason``. A
connection carries any number of requests, one at a time.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import RemoteProtocolError

MAGIC: Final = b"NL"
VERSION: Final = 1
MAX_IMAGE_BYTES: Final = 16 << 20
MAX_REPLY_BYTES: Final = 4 << 20

_REQUEST: Final = struct.Struct(">2sBBHHH")
_REPLY: Final = struct.Struct(">2sBBI")
REQUEST_HEADER_BYTES: Final = _REQUEST.size
REPLY_HEADER_BYTES: Final = _REPLY.size
_ANSWER, _REFUSAL = 0, 1


class ServedBy(StrEnum):
    """Who computed the answer."""

    SPLIT = "split"
    """Head on the board, tail on the edge server."""
    LOCAL = "local"
    """The active head answers alone."""
    EDGE = "edge"
    """The edge server computed everything from the quantized input."""
    FALLBACK = "fallback"
    """The edge server could not answer; the held all-local head did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; all times are measured on the board, milliseconds."""

    label: int
    logits: tuple[float, ...]
    head_ms: float
    """Quantize, head, encode. For a fallback, of the all-local head."""
    uplink_ms: float
    """Exchange with the edge server without the time it kept the request; 0 when none was answered."""
    tail_ms: float
    """Decode and tail, as the edge server measured them."""
    total_ms: float
    """From the image to the answer, waiting included."""
    served_by: ServedBy
    contract: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer; ``code`` is stable, for programs."""

    code: str
    reason: str


def encode_request(image: NDArray[np.uint8]) -> bytes:
    """Bytes of a request for one uint8 image, height x width x channels; ValueError on anything else."""
    if image.dtype != np.uint8 or image.ndim != 3 or not 0 < image.nbytes <= MAX_IMAGE_BYTES:
        raise ValueError(f"not a uint8 image of height x width x channels: {image.dtype} {image.shape}")
    if max(image.shape) > 0xFFFF:
        raise ValueError(f"an image of {image.shape} is over 65535 in one direction")
    return _REQUEST.pack(MAGIC, VERSION, 0, *image.shape) + image.tobytes()


def decode_request_header(header: bytes) -> tuple[int, int, int]:
    """Height, width and channels of the image that follows; raises RemoteProtocolError."""
    magic, version, _, height, width, channels = _REQUEST.unpack(header)
    _check_prefix(magic, version)
    if not 0 < height * width * channels <= MAX_IMAGE_BYTES:
        raise RemoteProtocolError("local port", f"an image of {height}x{width}x{channels} is not accepted")
    return height, width, channels


def encode_reply(reply: Answer | Refusal) -> bytes:
    """Bytes of a reply."""
    body = msgspec.json.encode(reply)
    return _REPLY.pack(MAGIC, VERSION, _REFUSAL if isinstance(reply, Refusal) else _ANSWER, len(body)) + body


def decode_reply_header(header: bytes) -> tuple[type[Answer] | type[Refusal], int]:
    """Kind and length of the body that follows; raises RemoteProtocolError."""
    magic, version, kind, length = _REPLY.unpack(header)
    _check_prefix(magic, version)
    if kind not in (_ANSWER, _REFUSAL) or length > MAX_REPLY_BYTES:
        raise RemoteProtocolError("agent", f"a reply of kind {kind} and {length} bytes is not accepted")
    return (Answer if kind == _ANSWER else Refusal), length


def decode_reply_body(kind: type[Answer] | type[Refusal], body: bytes) -> Answer | Refusal:
    """The reply; raises RemoteProtocolError whatever the bytes are."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteProtocolError("agent", f"not a reply: {error}") from error


def _check_prefix(magic: bytes, version: int) -> None:
    if magic != MAGIC or version != VERSION:
        reason = f"not version {VERSION} of this protocol: starts with {magic!r} {version}"
        raise RemoteProtocolError("local port", reason)
