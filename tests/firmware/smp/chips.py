"""What flash and core of the boards take: the longest times of data sheets, and instructions that QEMU counted.

Erasing is done before the first byte is sent; programming stops the core while the line goes on. Times are from memory
of the data sheets, cycles an instruction are assumed: both are to be measured on the boards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

M4_INSTRUCTIONS: Final = 140
"""For each byte of an upload, at most (``test_work.py`` counts them); half of them are the SHA-256."""
M0_INSTRUCTIONS: Final = 210
RV32_INSTRUCTIONS: Final = 180
"""Not counted: between the two."""
INTERRUPT_CYCLES: Final = 40


@dataclass(frozen=True, slots=True)
class Chip:
    """Of one board, in seconds."""

    head_bytes: int
    """200 KB, or what a slot holds."""
    sector_bytes: int
    erase_s: float
    page_s: float
    """Programming 256 bytes."""
    work_cycles: float
    """The core's, for each byte of an upload."""


def _work(instructions: int, cycles_each: float) -> float:
    return instructions * cycles_each + INTERRUPT_CYCLES


CHIPS: Final = {
    # DS10693, "Flash memory programming", by words: 16 to 100 us; 128 KB 1 to 2 s. No wait states at 16 MHz.
    "nucleo-f446re": Chip(131_072, 131_072, 2.0, 64 * 100e-6, _work(M4_INSTRUCTIONS, 1.4)),
    # DS12110, by 64 bits: 100 to 200 us for 32 bytes; 128 KB 1 to 2 s. Seven wait states, no caches.
    "nucleo-h743zi": Chip(200_000, 131_072, 2.0, 8 * 200e-6, _work(M4_INSTRUCTIONS, 4.0)),
    # Product specification, "NVMC": 41 us a word, 85 ms a page at most. No instruction cache.
    "nrf52840-dk": Chip(200_000, 4096, 0.085, 64 * 41e-6, _work(M4_INSTRUCTIONS, 2.0)),
    # W25Q16JV: 0.4 to 3 ms a page, 45 to 400 ms a sector. Code in RAM.
    "rpi-pico": Chip(200_000, 4096, 0.4, 3e-3, _work(M0_INSTRUCTIONS, 1.4)),
    # GD25Q32C, as modules have it: 0.6 to 2.4 ms a page, 50 to 400 ms a sector. Code in RAM.
    "esp32-c3": Chip(45_056, 4096, 0.4, 2.4e-3, _work(RV32_INSTRUCTIONS, 1.4)),
}
