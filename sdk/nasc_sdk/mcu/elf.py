"""What an executable puts into flash: the loadable segments of a 32-bit little-endian ELF file, by physical address.

Sans I/O: bytes in, :class:`Image` out. Everything in the file is checked against its length before it is used, and
whatever does not hold is an InputError. The rules quoted are those of the System V ABI, chapters 4 and 5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from nasc_sdk.errors import InputError

ERASED: Final = 0xFF
"""What flash reads where nothing was written."""
_HEADER: Final = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<8I")
_SECTION_HEADER_BYTES: Final = 40
_MAGIC: Final = b"\x7fELF"
_CLASS_32, _LITTLE_ENDIAN, _CURRENT, _EXECUTABLE, _LOAD = 1, 1, 1, 2, 1
_ADDRESSES: Final = 1 << 32
_MOST_SEGMENTS: Final = 64
_LARGEST_SPAN: Final = 1 << 26
"""No board here has more flash; segments far apart would otherwise make a huge image."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that belong at one place."""

    address: int
    """Physical, where it is kept: that of initial values is in flash, not in the memory that they are copied to."""
    content: bytes

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + len(self.content)


@dataclass(frozen=True, slots=True)
class Image:
    """Segments in the order of their addresses, none empty, none over another."""

    machine: int
    """``e_machine``: 40 is Arm, 94 Xtensa, 243 RISC-V."""
    entry: int
    segments: tuple[Segment, ...]

    @property
    def address(self) -> int:
        """Of the first byte."""
        return self.segments[0].address

    @property
    def end(self) -> int:
        """First address behind the last byte."""
        return self.segments[-1].end

    @property
    def size_bytes(self) -> int:
        """Of :meth:`flat`."""
        return self.end - self.address

    @property
    def content_bytes(self) -> int:
        """Of all segments, without gaps."""
        return sum(len(segment.content) for segment in self.segments)

    def flat(self) -> bytes:
        """All in one piece from :attr:`address` on, gaps as erased flash; InputError where that would be absurd."""
        if self.size_bytes > _LARGEST_SPAN:
            raise InputError(
                f"the firmware's segments lie {self.size_bytes} bytes apart, from 0x{self.address:08x} to "
                f"0x{self.end:08x}: that is no image of a flash; check the linker script"
            )
        flat = bytearray([ERASED]) * self.size_bytes
        for segment in self.segments:
            flat[segment.address - self.address : segment.end - self.address] = segment.content
        return bytes(flat)


def read_elf(content: bytes, name: str = "firmware") -> Image:
    """Read an executable; InputError, which calls it ``name``, for what is none or is cut short."""
    if len(content) < _HEADER.size:
        raise InputError(f"{name} is no ELF file: {len(content)} bytes, the header alone has {_HEADER.size}")
    (
        ident, kind, machine, version, entry, program_offset, section_offset, _flags, header_bytes,
        program_bytes, program_count, section_bytes, section_count, _names,
    ) = _HEADER.unpack_from(content)  # fmt: skip
    _check_identity(ident, name)
    if kind != _EXECUTABLE or version != _CURRENT or header_bytes < _HEADER.size:
        raise InputError(f"{name} is no executable (ELF type {kind}, version {version}): give what the linker wrote")
    if not 0 < program_count <= _MOST_SEGMENTS or program_bytes < _PROGRAM_HEADER.size:
        raise InputError(f"{name} has {program_count} program headers of {program_bytes} bytes: nothing to load")
    if section_count and section_bytes < _SECTION_HEADER_BYTES:
        raise InputError(f"{name} has section headers of {section_bytes} bytes")
    _check_inside(content, program_offset, program_count * program_bytes, name, "program headers")
    # Not read, but at the file's end: what was cut short lacks them.
    _check_inside(content, section_offset, section_count * section_bytes, name, "section headers")
    places = range(program_offset, program_offset + program_count * program_bytes, program_bytes)
    found = (_segment(content, place, name) for place in places)
    segments = sorted((segment for segment in found if segment is not None), key=lambda segment: segment.address)
    if not segments:
        raise InputError(f"{name} has nothing to load into flash")
    for before, after in pairwise(segments):
        if before.end > after.address:
            raise InputError(f"{name} loads two things at 0x{after.address:08x}")
    return Image(machine, entry, tuple(segments))


def _check_identity(ident: bytes, name: str) -> None:
    if ident[:4] != _MAGIC:
        raise InputError(f"{name} is no ELF file: it begins with {ident[:4].hex(' ')}")
    if ident[4:7] != bytes((_CLASS_32, _LITTLE_ENDIAN, _CURRENT)):
        raise InputError(f"{name} is not for a 32-bit little-endian microcontroller: was it built for this machine?")


def _check_inside(content: bytes, offset: int, count: int, name: str, what: str) -> None:
    if count and offset + count > len(content):
        raise InputError(f"{name} is cut short: its {what} end at byte {offset + count}, it has {len(content)}")


def _segment(content: bytes, place: int, name: str) -> Segment | None:
    """What one program header loads; None where it loads nothing."""
    kind, offset, _virtual, physical, in_file, in_memory, _flags, _align = _PROGRAM_HEADER.unpack_from(content, place)
    if kind != _LOAD:
        return None
    # "The file size may not be larger than the memory size."
    if in_file > in_memory:
        raise InputError(f"{name} has a segment of {in_file} bytes for {in_memory} bytes of memory")
    if in_file == 0:
        return None
    _check_inside(content, offset, in_file, name, f"segment at 0x{physical:08x}")
    if physical + in_file > _ADDRESSES:
        raise InputError(f"{name} has a segment at 0x{physical:08x} that ends beyond 32 bits")
    return Segment(physical, content[offset : offset + in_file])
