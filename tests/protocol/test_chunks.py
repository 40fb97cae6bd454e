"""Chunks: round trips, every truncation, every flipped bit of the header, and lies that carry a right CRC."""

import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.protocol.chunks import (
    CHUNK_BYTES,
    HEADER_BYTES,
    MAX_ARTIFACT_BYTES,
    Chunk,
    chunk_count,
    chunk_length,
    decode,
    encode,
)

SHA = "0123456789abcdef" * 4
DATA = random.Random(1).randbytes(300)
LAST = Chunk(SHA, 1, 2, CHUNK_BYTES + 300, DATA)
PAYLOAD = encode(LAST)


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(SHA, 0, 1, 1, b"x"),
        Chunk(SHA, 0, 1, CHUNK_BYTES, bytes(CHUNK_BYTES)),
        Chunk(SHA, 0, 2, CHUNK_BYTES + 1, bytes(CHUNK_BYTES)),
        Chunk(SHA, 1, 2, CHUNK_BYTES + 1, b"x"),
        LAST,
    ],
)
def test_round_trip(chunk):
    assert decode(encode(chunk), "t") == chunk


def test_layout_is_fixed():
    body = bytes.fromhex(SHA) + struct.pack(">IIQ", 1, 2, CHUNK_BYTES + 300) + DATA
    assert b"NC\x01" + struct.pack(">I", zlib.crc32(body)) + body == PAYLOAD


def test_every_truncation_fails():
    for length in range(len(PAYLOAD)):
        with pytest.raises(RemoteProtocolError):
            decode(PAYLOAD[:length], "t")
    with pytest.raises(RemoteProtocolError):
        decode(PAYLOAD + b"x", "t")


def test_every_flipped_bit_is_found():
    for position in range(len(PAYLOAD)):
        for bit in range(8):
            damaged = bytearray(PAYLOAD)
            damaged[position] ^= 1 << bit
            with pytest.raises(RemoteProtocolError):
                decode(bytes(damaged), "t")


@pytest.mark.parametrize(
    ("index", "total", "size", "data"),
    [
        (2, 2, CHUNK_BYTES + 300, b""),
        (0, 2, CHUNK_BYTES + 300, DATA),
        (0, 3, CHUNK_BYTES + 300, bytes(CHUNK_BYTES)),
        (0, 0, 0, b""),
        (0, 1, 299, DATA),
        (0, 1, 301, DATA),
        (0xFFFFFFFF, 0xFFFFFFFF, 2**64 - 1, DATA),
        (0, chunk_count(MAX_ARTIFACT_BYTES + 1), MAX_ARTIFACT_BYTES + 1, bytes(CHUNK_BYTES)),
    ],
)
def test_lies_with_a_right_crc(index, total, size, data):
    with pytest.raises(RemoteProtocolError):
        decode(encode(Chunk(SHA, index, total, size, data)), "t")


def test_another_version_says_so():
    with pytest.raises(RemoteProtocolError, match="version 2"):
        decode(PAYLOAD[:2] + b"\x02" + PAYLOAD[3:], "t")


@given(st.binary(max_size=2 * HEADER_BYTES))
def test_random_bytes(payload):
    with pytest.raises(RemoteProtocolError):
        decode(payload, "t")


@given(st.integers(1, MAX_ARTIFACT_BYTES))
def test_lengths_add_up(size):
    total = chunk_count(size)
    assert (total - 1) * CHUNK_BYTES + chunk_length(size, total - 1) == size
    assert 1 <= chunk_length(size, total - 1) <= CHUNK_BYTES
