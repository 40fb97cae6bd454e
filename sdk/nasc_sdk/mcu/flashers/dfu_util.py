"""Boards whose boot loader speaks USB DFU with ST's extensions: dfu-util, under the GPL, as a process of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from nasc_sdk.mcu.flashers.command import Program, check_read_back, run_command, write_binary
from nasc_sdk.mcu.flashers.step import Action, Job, PortNeed, Step, check_fits
from nasc_sdk.mcu.ports import port_after_reset

PROGRAM: Final = Program("dfu-util", "apt install dfu-util", "under the GPL, so not a part of this package")
_ALTERNATE: Final = "0"
"""Of the boot loader's memories, the internal flash."""


class DfuUtil:
    """``target`` of the board is vendor and product of its boot loader: ``0483:df11``."""

    port_need = PortNeed.AFTER

    def require(self) -> None:
        """Raises MissingToolError."""
        PROGRAM.require()

    def plan(self, job: Job) -> tuple[Step, ...]:
        """It has no verify, so the flash is read back and compared here."""
        check_fits(job)
        device = ("--device", job.board.flash.target) if job.board.flash.target else ()
        tool = (*PROGRAM.command(), *device, "--alt", _ALTERNATE)
        place, size = f"0x{job.address:08x}", job.image.size_bytes if job.image else 0
        back = str(job.folder / f"{job.name}.read")
        return (
            Step(Action.CONVERT, f"{job.elf.name} to {job.binary.name}, {job.size_text}"),
            Step(
                Action.WRITE, f"{job.size_text} at {place}; with the board in its boot loader",
                (*tool, "--dfuse-address", place, "--download", str(job.binary)),
            ),
            Step(
                Action.VERIFY, "read back and compared",
                (*tool, "--dfuse-address", f"{place}:{size}:leave", "--upload", back),
            ),
            Step(Action.RESET, "by the command before: it leaves the boot loader"),
        )  # fmt: skip

    def perform(self, job: Job, step: Step) -> None:
        """Raises FlashError."""
        if step.action is Action.CONVERT:
            write_binary(job)
        elif step.action is Action.VERIFY:
            back = job.folder / f"{job.name}.read"
            # It writes over no file.
            back.unlink(missing_ok=True)
            run_command(step.command)
            check_read_back(job, back)
        elif step.command:
            run_command(step.command)

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The port that the firmware opens."""
        return port_after_reset(job)
