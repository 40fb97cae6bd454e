"""Microcontrollers by a debug probe: OpenOCD, under the GPL, as a process of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.flashers.command import Program, run_command
from nasc_sdk.mcu.flashers.step import Action, Job, PortNeed, Step, check_fits
from nasc_sdk.mcu.ports import port_after_reset

PROGRAM: Final = Program("openocd", "apt install openocd", "under the GPL, so not a part of this package")


class Openocd:
    """``target`` of the board is its configuration files: ``interface/stlink.cfg target/stm32f4x.cfg``."""

    port_need = PortNeed.AFTER

    def require(self) -> None:
        """Raises MissingToolError."""
        PROGRAM.require()

    def plan(self, job: Job) -> tuple[Step, ...]:
        """One command: its procedure ``program`` does all three."""
        check_fits(job)
        if set(str(job.elf)) & set("{}\\"):
            raise InputError(f"{job.elf}: OpenOCD takes no path with braces or backslashes; copy the file elsewhere")
        files = [word for name in job.board.flash.target.split() for word in ("-f", name)]
        if not files:
            raise InputError(f"board {job.board.name} names no configuration of OpenOCD: set target in [flash]")
        # Braces keep Tcl from reading the path.
        program = f"program {{{job.elf}}} verify reset exit"
        return (
            Step(
                Action.WRITE, f"{job.size_text} at 0x{job.address:08x}, by the debug probe",
                (*PROGRAM.command(), *files, "-c", program),
            ),
            Step(Action.VERIFY, "by the same command"),
            Step(Action.RESET, "by the same command"),
        )  # fmt: skip

    def perform(self, job: Job, step: Step) -> None:
        """Raises FlashError."""
        if step.command:
            run_command(step.command)

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The probe's serial port, or the board's own."""
        return port_after_reset(job)
