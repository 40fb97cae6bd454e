"""STM32 by the boot loader in its system memory (ST's AN3155) at a serial port: stm32flash as a process of its own.

It is under the GPL: this project calls it, never contains it.

The chip is in that loader after a reset with BOOT0 high, which a person or the board's wiring sees to.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from nasc_sdk.mcu.flashers.command import Program, run_command, write_binary
from nasc_sdk.mcu.flashers.step import NO_PORT, Action, Job, PortNeed, Step, check_fits, is_pseudo_terminal

PROGRAM: Final = Program("stm32flash", "apt install stm32flash", "under the GPL, so not a part of this package")
_BAUD: Final = 115_200


class Stm32flash:
    """Addresses are those of the executable."""

    port_need = PortNeed.BEFORE

    def require(self) -> None:
        """Raises MissingToolError."""
        PROGRAM.require()

    def plan(self, job: Job) -> tuple[Step, ...]:
        """One command writes, reads back and starts: a second one would have to find the loader half-way."""
        check_fits(job)
        # AN3155 asks for 8 data bits, even parity, one stop bit; pseudo terminals refuse a parity.
        mode = ("-m", "8n1") if is_pseudo_terminal(job.port) else ("-m", "8e1")
        place, port = f"0x{job.address:08x}", job.port or NO_PORT
        command = (
            *PROGRAM.command(), "-b", str(_BAUD), *mode, "-f", "-S", place, "-w", str(job.binary), "-v", "-g", place,
            port,
        )  # fmt: skip
        return (
            Step(Action.CONVERT, f"{job.elf.name} to {job.binary.name}, {job.size_text}"),
            Step(Action.WRITE, f"{job.size_text} at {place}; with BOOT0 high and the board reset", command),
            Step(Action.VERIFY, "by the same command: every block is read back"),
            Step(Action.RESET, f"by the same command: the chip runs from {place}; set BOOT0 low again"),
        )

    def perform(self, job: Job, step: Step) -> None:
        """Raises FlashError."""
        if step.action is Action.CONVERT:
            write_binary(job)
        elif step.command:
            run_command(step.command)

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The port it was flashed at."""
        return nullcontext(job.port)
