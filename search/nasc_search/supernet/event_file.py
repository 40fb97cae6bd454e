"""TensorBoard's event files, as far as scalars need them, without TensorBoard.

A file is a sequence of TFRecords: length (8 bytes), its masked CRC32C, the data, its masked CRC32C, all little-endian
(tensorflow/core/lib/io/record_writer.h). The data of a record is an ``Event`` message of protocol buffers
(tensorflow/core/util/event.proto): wall_time = 1 (double), step = 2 (int64), file_version = 3 (string),
summary = 5 {value = 1 {tag = 1 (string), simple_value = 2 (float)}}.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, bits reversed (RFC 3720, appendix B.4)."""
_MASK_DELTA: Final = 0xA282EAD8
_DOUBLE, _BYTES, _FLOAT, _VARINT = 1, 2, 5, 0
"""Wire types of protocol buffers."""


def header(time_s: float) -> bytes:
    """The first record of every file; ``time_s`` since 1970."""
    return _record(_field(1, _DOUBLE, struct.pack("<d", time_s)) + _field(3, _BYTES, _sized(b"brain.Event:2")))


def scalars(time_s: float, step: int, values: Mapping[str, float]) -> bytes:
    """One record with some named numbers at a step (>= 0)."""
    summary = b"".join(
        _field(1, _BYTES, _sized(_field(1, _BYTES, _sized(tag.encode())) + _field(2, _FLOAT, struct.pack("<f", value))))
        for tag, value in values.items()
    )
    return _record(
        _field(1, _DOUBLE, struct.pack("<d", time_s))
        + _field(2, _VARINT, _varint(step))
        + _field(5, _BYTES, _sized(summary))
    )


def masked_crc(data: bytes) -> int:
    """CRC32C, rotated right by 15 bits, plus a constant: a checksum of data that holds checksums stays one."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _table()[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)  # noqa: PLW2901 - eight shifts of one value
        table.append(value)
    return tuple(table)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def _field(number: int, wire_type: int, data: bytes) -> bytes:
    return _varint(number << 3 | wire_type) + data


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
