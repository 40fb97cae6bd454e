"""Cortex-M by a debug probe (CMSIS-DAP, ST-Link, J-Link): pyOCD, under the Apache licence, as a process of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from nasc_sdk.mcu.flashers.command import Program, check_read_back, run_command
from nasc_sdk.mcu.flashers.step import Action, Job, PortNeed, Step, check_fits
from nasc_sdk.mcu.ports import port_after_reset

PROGRAM: Final = Program("pyocd", "pip install pyocd")


class Pyocd:
    """``target`` of the board is what ``pyocd list --targets`` calls the chip."""

    port_need = PortNeed.AFTER

    def require(self) -> None:
        """Raises MissingToolError."""
        PROGRAM.require()

    def plan(self, job: Job) -> tuple[Step, ...]:
        """Its compare command ends well even where bytes differ, so the flash is read back and compared here."""
        check_fits(job)
        tool, target = PROGRAM.command(), ("--no-wait", "--target", job.board.flash.target)
        size = job.image.size_bytes if job.image else 0
        read = f"savemem 0x{job.address:x} {size} {job.binary}"
        return (
            Step(
                Action.WRITE, f"{job.size_text} at 0x{job.address:08x}, by the debug probe",
                (*tool, "load", *target, "--erase", "sector", "--no-reset", "--format", "elf", str(job.elf)),
            ),
            Step(Action.VERIFY, "read back and compared", (*tool, "commander", *target, "--command", read)),
            Step(Action.RESET, "by the debug probe", (*tool, "reset", *target)),
        )  # fmt: skip

    def perform(self, job: Job, step: Step) -> None:
        """Raises FlashError."""
        job.binary.unlink(missing_ok=True)
        run_command(step.command)
        if step.action is Action.VERIFY:
            check_read_back(job, job.binary)

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The probe's serial port, or the board's own."""
        return port_after_reset(job)
