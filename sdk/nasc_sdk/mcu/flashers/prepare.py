"""From a board's name to a plan: the firmware built or read, the port found; what is lacking is told before a write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasc_sdk.errors import BuildError, InputError, MissingToolError, NascError
from nasc_sdk.mcu.boards import Board
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.elf import Image, read_elf
from nasc_sdk.mcu.flashers.flasher import Flasher, flasher_of
from nasc_sdk.mcu.flashers.step import Job, PortNeed, Step
from nasc_sdk.mcu.ports import find_port
from nasc_sdk.runtime.arrays import read_bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job and its plan."""

    job: Job
    steps: tuple[Step, ...]
    sha256: str
    """Of the executable; empty where it could not be built."""
    lacking: tuple[str, ...]
    """Why the plan cannot be run here and now, each a sentence; only a dry run has any."""


def prepare(
    board: Board, boards: Mapping[str, Board], folder: Path, *,
    firmware: Path | None = None, port: str = "", drive: Path | None = None, dry_run: bool = False,
) -> Prepared:  # fmt: skip
    """Touches no board. What is lacking is raised, the quickest to find first, or listed in a dry run.

    Raises InputError, BuildError, MissingToolError.
    """
    flasher, lacking = flasher_of(board.flash.tool), list[str]()

    def lack(error: NascError) -> None:
        if not dry_run:
            raise error
        lacking.append(str(error))

    try:
        flasher.require()
    except NascError as error:
        lack(error)
    try:
        port = _find_port(flasher, board, boards, port)
    except InputError as error:
        if port:
            raise
        lack(error)
    elf, content = folder / f"nasc-{board.name}.elf", b""
    try:
        elf = firmware or build(board, folder).elf
        content = read_bytes(elf)
    except (BuildError, MissingToolError) as error:
        lack(error)
    image = read_elf(content, str(elf)) if content or firmware else None
    job = Job(board, elf, image, folder, port, drive)
    return Prepared(job, flasher.plan(job), _sha256(image, content), tuple(lacking))


def _find_port(flasher: Flasher, board: Board, boards: Mapping[str, Board], port: str) -> str:
    """Empty where there is none yet, and none is needed yet."""
    match flasher.port_need:
        case PortNeed.NONE if port:
            raise InputError(f"{board.name} is emulated here: leave --port {port} out")
        case PortNeed.BEFORE | PortNeed.AFTER if not port:
            waits = flasher.port_need is PortNeed.AFTER and bool(board.usb.ids)
            return find_port(board, boards, may_appear=waits)
        case _:
            return port


def _sha256(image: Image | None, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if image is not None else ""
