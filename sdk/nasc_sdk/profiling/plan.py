"""ProfilePlan: what a device is asked to time, as one self-contained artifact.

Layout: ``MAGIC``, the index's length (4 bytes, big-endian), the index (JSON), then the blobs (models and
inputs) one after another, each of the size and digest that the index states. Equal blobs are stored once.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from nasc_sdk.errors import InputError, RemoteProtocolError

MAGIC: Final = b"NASCP1\n"
MAX_PLAN_BYTES: Final = 256 << 20
MAX_INDEX_BYTES: Final = 4 << 20
MAX_ITEMS: Final = 4096
MAX_PAYLOADS: Final = 64
MAX_PAYLOAD_BYTES: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")
_WHERE: Final = "profile plan"

Dtype = Literal["int8", "float32"]


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One unit to time: a model and the activations it is fed with, raw in the model's input order (NHWC)."""

    key: str
    title: str
    shape: str
    model: bytes
    input: bytes
    dtype: Dtype = "int8"
    whole: bool = False
    """A whole head or tail, not a block."""


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """Units in the order in which the Profile lists them."""

    items: tuple[PlanItem, ...]
    payloads: tuple[bytes, ...] = ()
    """Packed cuts that entropy coding is timed on."""

    def pack(self) -> bytes:
        """See :func:`pack`."""
        return pack(self)

    @staticmethod
    def unpack(packed: bytes) -> ProfilePlan:
        """See :func:`unpack`."""
        return unpack(packed)


class _Blob(msgspec.Struct, frozen=True):
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Meta(ge=1, le=MAX_PLAN_BYTES)]


class _Entry(msgspec.Struct, frozen=True):
    key: Annotated[str, Meta(min_length=1, max_length=8192)]
    title: Annotated[str, Meta(max_length=1024)]
    shape: Annotated[str, Meta(max_length=256)]
    model: Annotated[int, Meta(ge=0)]
    input: Annotated[int, Meta(ge=0)]
    dtype: Dtype
    whole: bool


class _Index(msgspec.Struct, frozen=True):
    blobs: Annotated[tuple[_Blob, ...], Meta(max_length=2 * MAX_ITEMS)]
    items: Annotated[tuple[_Entry, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    payloads: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(max_length=MAX_PAYLOADS)] = ()


def pack(plan: ProfilePlan) -> bytes:
    """Bytes of a plan, always the same for the same plan. Raises InputError when it is empty or too large."""
    positions: dict[bytes, int] = {}
    entries = [
        _Entry(
            item.key,
            item.title,
            item.shape,
            positions.setdefault(item.model, len(positions)),
            positions.setdefault(item.input, len(positions)),
            item.dtype,
            item.whole,
        )
        for item in plan.items
    ]
    payloads = tuple(positions.setdefault(payload, len(positions)) for payload in plan.payloads)
    blobs = tuple(_Blob(hashlib.sha256(blob).hexdigest(), len(blob)) for blob in positions)
    index = msgspec.json.encode(_Index(blobs, tuple(entries), payloads))
    packed = b"".join((MAGIC, _LENGTH.pack(len(index)), index, *positions))
    try:
        unpack(packed)
    except RemoteProtocolError as error:
        raise InputError(f"this plan cannot be packed: {error.reason}") from error
    return packed


def unpack(packed: bytes) -> ProfilePlan:
    """The plan, every length and digest checked; raises RemoteProtocolError, whatever the bytes are."""
    if len(packed) > MAX_PLAN_BYTES:
        raise RemoteProtocolError(_WHERE, f"{len(packed)} bytes are over the limit of {MAX_PLAN_BYTES}")
    start = len(MAGIC) + _LENGTH.size
    if len(packed) < start or not packed.startswith(MAGIC):
        raise RemoteProtocolError(_WHERE, "does not start like a plan")
    (size,) = _LENGTH.unpack_from(packed, len(MAGIC))
    if size > min(MAX_INDEX_BYTES, len(packed) - start):
        raise RemoteProtocolError(_WHERE, f"an index of {size} bytes does not fit")
    try:
        index = msgspec.json.decode(packed[start : start + size], type=_Index)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(_WHERE, f"bad index: {error}") from error
    blobs = _blobs(packed, start + size, index.blobs)
    payloads = tuple(_payload(place, blobs) for place in index.payloads)
    return ProfilePlan(tuple(_item(entry, blobs) for entry in index.items), payloads)


def _blobs(packed: bytes, start: int, entries: tuple[_Blob, ...]) -> list[bytes]:
    if sum(entry.size for entry in entries) != len(packed) - start:
        raise RemoteProtocolError(_WHERE, "its length is not what the index states")
    blobs = []
    for entry in entries:
        blob = packed[start : start + entry.size]
        if hashlib.sha256(blob).hexdigest() != entry.sha256:
            raise RemoteProtocolError(_WHERE, f"a blob is not {entry.sha256[:12]}")
        blobs.append(blob)
        start += entry.size
    return blobs


def _item(entry: _Entry, blobs: list[bytes]) -> PlanItem:
    if max(entry.model, entry.input) >= len(blobs):
        raise RemoteProtocolError(_WHERE, f"item {entry.key!r} points at a blob that is not there")
    return PlanItem(
        entry.key, entry.title, entry.shape, blobs[entry.model], blobs[entry.input], entry.dtype, entry.whole
    )


def _payload(place: int, blobs: list[bytes]) -> bytes:
    if place >= len(blobs) or len(blobs[place]) > MAX_PAYLOAD_BYTES:
        raise RemoteProtocolError(_WHERE, f"payload {place} is not there, or over {MAX_PAYLOAD_BYTES} bytes")
    return blobs[place]
