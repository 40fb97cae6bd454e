"""Emulated boards: nothing to write, since QEMU takes the firmware when it starts; it is started to say hello."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nasc_sdk.mcu.emulator import EmulatedBoard
from nasc_sdk.mcu.flashers.command import Program
from nasc_sdk.mcu.flashers.step import Action, Job, PortNeed, Step, check_fits


class EmulatorFlasher:
    """The board ends with the verb; other verbs start one of their own."""

    port_need = PortNeed.NONE

    def require(self) -> None:
        """Nothing: EmulatedBoard says what is missing."""

    def plan(self, job: Job) -> tuple[Step, ...]:
        """As shown; :class:`nasc_sdk.mcu.emulator.EmulatedBoard` adds ports and time."""
        check_fits(job)
        emulator = job.board.emulator
        command: tuple[str, ...] = ()
        if emulator is not None:
            program = Program(emulator.command, "").command()
            command = (*program, "-M", emulator.machine, "-kernel", str(job.elf), *emulator.arguments)
        return (
            Step(
                Action.WRITE, f"{job.size_text} at 0x{job.address:08x}, into the emulated board's memory: not kept",
                command,
            ),
            Step(Action.RESET, "by starting the emulator, which ends with this command"),
        )  # fmt: skip

    def perform(self, job: Job, step: Step) -> None:
        """Nothing before it is started."""

    @contextmanager
    def running(self, job: Job) -> Iterator[str]:
        """The emulator's port; leaving the block ends it."""
        with EmulatedBoard(job.board, job.elf) as machine:
            yield machine.port
