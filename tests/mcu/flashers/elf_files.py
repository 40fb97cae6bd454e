"""Executables as a linker writes them, and as one never would."""

import struct

ARM, XTENSA = 40, 94
HEADER_BYTES, PROGRAM_BYTES, SECTION_BYTES = 52, 32, 40


def elf(segments, machine=ARM, entry=0x40080000, in_memory=0):
    """``segments``: (address, content); each is a section too, as esptool wants it. ``in_memory``: bytes of a .bss."""
    names = b"\0.text\0.shstrtab\0"
    content_at = HEADER_BYTES + PROGRAM_BYTES * (len(segments) + 1)
    programs, sections, body = b"", bytes(SECTION_BYTES), b""
    for address, content in segments:
        place = content_at + len(body)
        programs += struct.pack("<8I", 1, place, address, address, len(content), len(content), 5, 4)
        sections += struct.pack("<10I", 1, 1, 6, address, place, len(content), 0, 0, 4, 0)
        body += content
    programs += struct.pack("<8I", 1, 0, 0x20000000, 0x20000000, 0, in_memory, 6, 4)
    names_at = content_at + len(body)
    sections += struct.pack("<10I", 7, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    section_at = names_at + len(names)
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, machine, 1, entry, HEADER_BYTES, section_at, 0, HEADER_BYTES,
        PROGRAM_BYTES, len(segments) + 1, SECTION_BYTES, len(segments) + 2, len(segments) + 1,
    )  # fmt: skip
    return header + programs + body + names + sections
