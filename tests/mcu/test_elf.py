"""Executables: what is read, and everything a hostile or damaged one may say."""

import contextlib
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.elf import Image, Segment, read_elf
from tests.mcu.flashers.elf_files import HEADER_BYTES, elf

SEGMENTS = ((0x08000000, b"code" * 30), (0x08000200, b"data"))
GOOD = elf(SEGMENTS, in_memory=4096)
COMPILER = find_board("mps2-an386").build.compiler


def with_header(format_, place, value):
    content = bytearray(GOOD)
    struct.pack_into(format_, content, place, value)
    return bytes(content)


def with_segment(field, value, number=0):
    return with_header("<I", HEADER_BYTES + 32 * number + 4 * field, value)


def test_segments_by_physical_address():
    image = read_elf(GOOD)
    assert image.segments == tuple(Segment(*one) for one in SEGMENTS)
    assert (image.machine, image.entry) == (40, 0x40080000)
    assert (image.address, image.end, image.size_bytes) == (0x08000000, 0x08000204, 0x204)
    assert image.flat() == SEGMENTS[0][1].ljust(0x200, b"\xff") + b"data"


def test_the_order_of_segments_does_not_matter():
    assert read_elf(elf(SEGMENTS[::-1])) == read_elf(elf(SEGMENTS))


@pytest.mark.system
@pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed")
def test_the_same_bytes_as_objcopy(tmp_path):
    path, binary = build(find_board("mps2-an386"), tmp_path).elf, tmp_path / "x.bin"
    objcopy = COMPILER.removesuffix("gcc") + "objcopy"
    subprocess.run([objcopy, "-O", "binary", "--gap-fill", "0xff", path, binary], check=True, timeout=60)
    assert read_elf(path.read_bytes()).flat() == binary.read_bytes()


def test_every_truncation_is_refused():
    for length in range(len(GOOD)):
        with pytest.raises(InputError, match="my firmware"):
            read_elf(GOOD[:length], "my firmware")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (with_header("<4s", 0, b"MZ\0\0"), "it begins with 4d 5a"),
        (with_header("<B", 4, 2), "not for a 32-bit little-endian"),
        (with_header("<B", 5, 2), "not for a 32-bit little-endian"),
        (with_header("<B", 6, 9), "not for a 32-bit little-endian"),
        (with_header("<H", 16, 1), "is no executable"),
        (with_header("<I", 20, 7), "is no executable"),
        (with_header("<H", 40, 10), "is no executable"),
        (with_header("<I", 28, 0xFFFFFFF0), "program headers end at byte"),
        (with_header("<I", 32, 0xFFFFFFF0), "section headers end at byte"),
        (with_header("<H", 42, 8), "program headers of 8 bytes"),
        (with_header("<H", 42, 0xFFFF), "program headers end at byte"),
        (with_header("<H", 44, 0), "0 program headers"),
        (with_header("<H", 44, 0xFFFF), "65535 program headers"),
        (with_header("<H", 46, 3), "section headers of 3 bytes"),
        (with_header("<H", 48, 0xFFFF), "section headers end at byte"),
        (with_segment(1, 0xFFFFFFFF), "segment at 0x08000000 end"),
        (with_segment(4, 0xFFFFFFFF), "bytes for 120 bytes of memory"),
        (with_segment(5, 3), "120 bytes for 3 bytes of memory"),
        (with_segment(3, 0xFFFFFFFF), "ends beyond 32 bits"),
        (with_segment(3, 0x08000010, number=1), "loads two things at 0x08000010"),
        (elf(()), "nothing to load into flash"),
    ],
)
def test_hostile_headers_are_refused(content, reason):
    with pytest.raises(InputError, match=reason):
        read_elf(content)


def test_segments_far_apart_make_no_huge_image():
    image = read_elf(elf(((0, b"x"), (0xF0000000, b"y"))))
    with pytest.raises(InputError, match="check the linker script"):
        image.flat()


@given(st.binary(max_size=200), st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_whatever_the_bytes_nothing_but_an_input_error(noise, place, byte):
    for content in (noise, GOOD[:4] + noise, GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]):
        with contextlib.suppress(InputError):
            assert isinstance(read_elf(content), Image)
