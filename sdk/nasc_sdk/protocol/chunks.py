"""Artifact chunks, the one binary message: bytes in, a checked piece of an artifact out.

Layout, integers big-endian: ``MAGIC`` (2 bytes), ``VERSION`` (1), CRC-32 of all that follows (4), SHA-256 of the
artifact (32), index (4), number of chunks (4), size of the artifact (8), data. The CRC finds damage in one chunk
before it is stored; that the chunks together are the artifact, only its SHA-256 says (:mod:`.transfer`).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from nasc_sdk.errors import RemoteProtocolError

MAGIC: Final = b"NC"
VERSION: Final = 1
CHUNK_BYTES: Final = 64 << 10
"""Data in every chunk but the last; below the payload limit of every broker we know."""
MAX_ARTIFACT_BYTES: Final = 256 << 20

_PREFIX: Final = struct.Struct(">2sBI")
_FIELDS: Final = struct.Struct(">32sIIQ")
HEADER_BYTES: Final = _PREFIX.size + _FIELDS.size


@dataclass(frozen=True, slots=True)
class Chunk:
    """Piece ``index`` of ``total`` of the artifact named ``sha256`` of ``size`` bytes."""

    sha256: str
    index: int
    total: int
    size: int
    data: bytes


def chunk_count(size: int) -> int:
    """Chunks of an artifact of ``size`` bytes."""
    return -(-size // CHUNK_BYTES)


def chunk_length(size: int, index: int) -> int:
    """Bytes of data in chunk ``index`` of an artifact of ``size`` bytes."""
    return min(CHUNK_BYTES, size - index * CHUNK_BYTES)


def encode(chunk: Chunk) -> bytes:
    """Bytes of a chunk."""
    digest = bytes.fromhex(chunk.sha256)
    body = _FIELDS.pack(digest, chunk.index, chunk.total, chunk.size) + chunk.data
    return _PREFIX.pack(MAGIC, VERSION, zlib.crc32(body)) + body


def decode(payload: bytes, where: str) -> Chunk:
    """Parse and check; raises RemoteProtocolError saying where and why, whatever the bytes are.

    A chunk that decodes is consistent: its index, number and length follow from the artifact's size.
    """
    if len(payload) < HEADER_BYTES:
        raise RemoteProtocolError(where, f"{len(payload)} bytes are no chunk")
    magic, version, checksum = _PREFIX.unpack_from(payload)
    if magic != MAGIC:
        raise RemoteProtocolError(where, f"not a chunk: it starts with {bytes(magic)!r}")
    if version != VERSION:
        raise RemoteProtocolError(where, f"chunk of version {version}, this side speaks {VERSION}")
    if zlib.crc32(memoryview(payload)[_PREFIX.size :]) != checksum:
        raise RemoteProtocolError(where, "chunk is damaged: its CRC-32 does not match")
    digest, index, total, size = _FIELDS.unpack_from(payload, _PREFIX.size)
    if not 1 <= size <= MAX_ARTIFACT_BYTES:
        raise RemoteProtocolError(where, f"chunk of an artifact of {size} bytes")
    if total != chunk_count(size) or index >= total:
        raise RemoteProtocolError(where, f"chunk {index} of {total} does not exist in {size} bytes")
    if len(payload) - HEADER_BYTES != chunk_length(size, index):
        raise RemoteProtocolError(where, f"chunk {index} holds {len(payload) - HEADER_BYTES} bytes of data")
    return Chunk(digest.hex(), index, total, size, bytes(payload[HEADER_BYTES:]))
