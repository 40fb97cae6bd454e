"""Zstandard frames: what another implementation writes is read, what strangers may send is refused unexpanded."""

import struct

import pytest

from nasc_sdk import zstd
from nasc_sdk.errors import MissingExtraError, RemoteProtocolError
from tests.support.without_zstd import printed_without_zstd

SIZE = 98
TENSOR = bytes(range(49)) * 2
# Written by the command line tool zstd 1.5.4 from TENSOR, with a checksum.
FRAME = bytes.fromhex(
    "28b52ffd2462cd01001403000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
    "2e2f300100218d1414027a4d42"
)
MAGIC = FRAME[:4]
SKIPPABLE = bytes.fromhex("502a4d18") + struct.pack("<I", 3) + b"???"


def block(data, *, last=True, kind=0, size=None):
    """RFC 8878, 3.1.1.2: kinds 0 raw, 1 one byte many times, 2 compressed, 3 reserved."""
    return struct.pack("<I", last | kind << 1 | (len(data) if size is None else size) << 3)[:3] + data


def frame(content_size, *blocks, descriptor=0x20):
    """With a content size of one byte, as a descriptor of 0x20 says."""
    return MAGIC + bytes([descriptor, content_size]) + b"".join(blocks)


def refused(payload, size=SIZE):
    with pytest.raises(RemoteProtocolError) as caught:
        zstd.expand(payload, size)
    assert caught.value.where == "payload"
    return caught.value.reason


def test_frames_of_another_implementation_are_read():
    assert zstd.expand(FRAME, SIZE) == TENSOR
    assert zstd.expand(frame(SIZE, block(TENSOR)), SIZE) == TENSOR
    assert zstd.expand(frame(SIZE, block(b"\7", kind=1, size=SIZE)), SIZE) == b"\7" * SIZE


@pytest.mark.parametrize("size", [1, 98, 255, 256, 784, 65_791, 65_792, 300_000])
def test_what_is_compressed_comes_back(size):
    data = bytes(index * index % 251 for index in range(size))
    payload = zstd.compress(data)
    assert zstd.expand(payload, size) == data
    assert "the tensors of the contract are" in refused(payload, size + 1)
    assert "the tensors of the contract are" in refused(payload, size - 1)


def test_every_truncation_is_refused():
    for end in range(len(FRAME)):
        refused(FRAME[:end])


def test_a_wrong_checksum_is_refused():
    for at in range(1, 5):
        broken = bytearray(FRAME)
        broken[-at] ^= 1
        refused(bytes(broken))


@pytest.mark.parametrize("more", [b"\0", FRAME, SKIPPABLE, MAGIC])
def test_nothing_may_follow_the_frame(more):
    refused(FRAME + more)
    refused(frame(SIZE, block(TENSOR)) + more)


def test_frames_that_are_skipped_are_refused():
    assert "does not start" in refused(SKIPPABLE + FRAME)
    assert "does not start" in refused(SKIPPABLE)


def test_a_bomb_is_refused_by_its_header():
    bomb = zstd.compress(bytes(100 << 20))
    assert len(bomb) < 10_000
    assert f"expands to {100 << 20} bytes" in refused(bomb)


@pytest.mark.parametrize("held", [1, 97, 99, 120_000])
def test_a_frame_that_lies_about_its_size_is_refused(held):
    refused(frame(SIZE, block(b"\7", kind=1, size=held)))
    refused(frame(SIZE, block(b"\7", kind=1, size=held, last=False), block(TENSOR)))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "does not start"),
        (MAGIC + b"\x20", "does not start"),
        (frame(SIZE, block(TENSOR), descriptor=0x28), "reserved"),
        (frame(SIZE, block(TENSOR), descriptor=0x21), "dictionary"),
        (MAGIC + b"\x00\x58" + block(TENSOR), "does not state its size"),
        (MAGIC + b"\xc0\xf8" + struct.pack("<Q", SIZE) + block(TENSOR), "window"),
        (MAGIC + b"\xc0\x69" + struct.pack("<Q", SIZE) + block(TENSOR), "window"),
        (MAGIC + b"\xe0" + struct.pack("<Q", 1 << 63) + block(TENSOR), f"expands to {1 << 63} bytes"),
        (MAGIC + b"\xe0\0\0\0\0", "cut off"),
        (frame(SIZE, block(TENSOR, kind=3)), "no zstd frame"),
        (frame(SIZE, block(TENSOR, kind=2)), "no zstd frame"),
    ],
)
def test_what_no_tensor_needs_is_refused(payload, reason):
    assert reason in refused(payload)


def test_a_window_within_the_bound_is_read():
    assert zstd.expand(MAGIC + b"\xc0\x68" + struct.pack("<Q", SIZE) + block(TENSOR), SIZE) == TENSOR


def test_without_the_package_the_extra_is_named():
    code = (
        "from nasc_sdk import zstd, entropy\n"
        "assert not zstd.available()\n"
        "assert [coding.value for coding in entropy.known_codings()] == ['none', 'zlib']\n"
        "try: zstd.compress(b'')\n"
        "except zstd.MissingExtraError as error: print(error)\n"
    )
    assert printed_without_zstd(code) == str(MissingExtraError("zstandard", "zstd"))
