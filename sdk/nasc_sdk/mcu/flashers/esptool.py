"""ESP32 and its relatives, by their ROM loader at a serial port: esptool as a process of its own.

It is under the GPL: this project calls it, never imports it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from nasc_sdk.mcu.flashers.command import Program, run_command
from nasc_sdk.mcu.flashers.step import NO_PORT, Action, Job, PortNeed, Step, is_pseudo_terminal

PROGRAM: Final = Program(
    "esptool", "pip install 'esptool>=5'", "under the GPL, so not a dependency of this package", module="esptool"
)
_BAUD: Final = 460_800
_FLASH_SIZES_MB: Final = (1, 2, 4, 8, 16, 32, 64, 128)


class Esptool:
    """``target`` of the board is the chip, ``address`` where in flash its boot loader looks for the image."""

    port_need = PortNeed.BEFORE

    def require(self) -> None:
        """Raises MissingToolError."""
        PROGRAM.require()

    def plan(self, job: Job) -> tuple[Step, ...]:
        """An image with the chip's own headers, written and then compared by MD5 that the chip computes."""
        tool = (*PROGRAM.command(), "--chip", job.board.flash.target)
        # An emulator's port has no lines to reset the chip by; it is in its loader, or it is not.
        before, after = ("no-reset", "no-reset") if is_pseudo_terminal(job.port) else ("default-reset", "hard-reset")
        serial = ("--port", job.port or NO_PORT, "--baud", str(_BAUD), "--before", before)
        place, image = f"0x{job.board.flash.address:x}", str(job.binary)
        return (
            Step(
                Action.CONVERT, f"{job.elf.name} to an image of {job.board.flash.target}",
                (*tool, "elf2image", *_flash_size(job), "--output", image, str(job.elf)),
            ),
            Step(
                Action.WRITE, f"{job.size_text} and its headers at {place} of the flash",
                (*tool, *serial, "--after", "no-reset", "write-flash", place, image),
            ),
            Step(
                Action.VERIFY, "MD5 of the flash, computed by the chip",
                (*tool, *serial, "--after", after, "verify-flash", place, image),
            ),
            Step(Action.RESET, "by the command before, over the port's RTS line"),
        )  # fmt: skip

    def perform(self, job: Job, step: Step) -> None:
        """Raises FlashError."""
        if step.command:
            run_command(step.command)

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The port it was flashed at."""
        return nullcontext(job.port)


def _flash_size(job: Job) -> tuple[str, ...]:
    megabytes, rest = divmod(job.board.flash_bytes, 1 << 20)
    return ("--flash-size", f"{megabytes}MB") if not rest and megabytes in _FLASH_SIZES_MB else ()
