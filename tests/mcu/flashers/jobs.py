"""Boards and jobs for flashers, none of them a known board."""

import random
from dataclasses import replace

from nasc_sdk.mcu.boards import Flash, Tool, Usb, find_board
from nasc_sdk.mcu.elf import read_elf
from nasc_sdk.mcu.flashers.step import Job
from tests.mcu.flashers.elf_files import elf

SEGMENTS = ((0x08000000, random.Random(1).randbytes(3001)), (0x08001000, random.Random(2).randbytes(600)))
"""With a gap, and with lengths that are no multiple of anything."""


def board_for(tool, target="", *, name="host-double", address=0, usb_ids=(), flash_bytes=1 << 20):
    """As the firmware of ``tests/firmware/smp`` calls itself, with flash where an STM32 has it."""
    known = find_board("mps2-an386")
    return replace(
        known, name=name, flash=Flash(Tool(tool), target, address), usb=Usb(usb_ids), emulator=None,
        build=replace(known.build, code_origin=0x08000000), flash_bytes=flash_bytes,
    )  # fmt: skip


def job_for(board, folder, *, segments=SEGMENTS, port="", drive=None, **options):
    """With an executable of these segments in ``folder``."""
    path, content = folder / "firmware.elf", elf(segments, **options)
    path.write_bytes(content)
    return Job(board, path, read_elf(content), folder, port, drive)
