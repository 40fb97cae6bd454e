"""What is flashed, and the steps of doing it: data that is shown before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.boards import Board
from nasc_sdk.mcu.elf import Image

NO_PORT: Final = "PORT"
"""Stands in a plan for a port that is not known yet."""


class Action(StrEnum):
    """What a step does."""

    CONVERT = "convert"
    """Make the file that the tool takes, on this machine."""
    WRITE = "write"
    VERIFY = "verify"
    RESET = "reset"


class PortNeed(StrEnum):
    """When a flasher must know the board's serial port."""

    NONE = "none"
    """It makes one."""
    BEFORE = "before"
    """It writes through it."""
    AFTER = "after"
    """Only the firmware's hello comes through it; it may appear with the firmware."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan."""

    action: Action
    what: str
    """For people: what is done where, with sizes."""
    command: tuple[str, ...] = ()
    """Of the tool; empty where no tool is called: done here, or by the command of the step before."""


@dataclass(frozen=True, slots=True)
class Job:
    """A firmware for a board."""

    board: Board
    elf: Path
    image: Image | None
    """None in a plan that is only shown, where the firmware could not be built."""
    folder: Path
    """For converted files; exists when the steps are run."""
    port: str = ""
    drive: Path | None = None
    """Where the board's boot drive is, if it need not be looked for."""

    @property
    def name(self) -> str:
        """How files made of it begin."""
        return f"nasc-{self.board.name}"

    @property
    def binary(self) -> Path:
        """Its image as one piece, for tools that read no ELF."""
        return self.folder / f"{self.name}.bin"

    @property
    def flash_origin(self) -> int:
        """Where the board's flash begins; code may be linked for another place, and copied there as it starts."""
        return self.board.flash.address or self.board.build.code_origin

    @property
    def address(self) -> int:
        """Where the image begins."""
        return self.image.address if self.image else self.flash_origin

    @property
    def size_text(self) -> str:
        """For people."""
        return f"{self.image.content_bytes} bytes" if self.image else "the firmware (not built: size unknown)"


def is_pseudo_terminal(port: str) -> bool:
    """A port of an emulator: it has neither reset lines nor a parity bit. Told by its name: opening could reset."""
    return port.startswith(("/dev/pts/", "/dev/ttyp"))


def check_fits(job: Job) -> None:
    """Refuse what is not inside the board's flash; InputError says by how much."""
    if job.image is None:
        return
    start, length = job.flash_origin, job.board.flash_bytes
    if job.image.address < start or job.image.end > start + length:
        raise InputError(
            f"{job.elf} goes to 0x{job.image.address:08x}-0x{job.image.end:08x}, the flash of {job.board.name} is "
            f"0x{start:08x}-0x{start + length:08x}: is it the firmware of another board?"
        )
