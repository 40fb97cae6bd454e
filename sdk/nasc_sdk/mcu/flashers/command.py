"""Tools as subprocesses: found, or what to install; bounded in time; their first complaint quoted."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import FlashError, MissingToolError, StorageError
from nasc_sdk.mcu.flashers.step import Job
from nasc_sdk.processes import describe_exit

TIMEOUT_S: Final = 300.0
"""The slowest is 1 MB at 57600 baud, written and read back."""
_COMPLAINT: Final = re.compile(
    r"error|fail|invalid|unable|cannot|could not|\bno (?:such|connected|target|dfu)|not found|refused|denied", re.I
)
_REMARK: Final = re.compile(r"\bnote:|\bwarning:|^info\b", re.I)
_PROGRESS: Final = re.compile(r"^.*\(\d+(?:\.\d+)?%\)\s*")
"""stm32flash complains on the line that shows how far it is."""
_LONGEST_QUOTE: Final = 300
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Program:
    """A tool, and what to type when it is not there."""

    name: str
    install: str
    note: str = ""
    module: str = ""
    """Of this interpreter, for tools in Python: taken before a program of that name."""

    def command(self) -> tuple[str, ...]:
        """How it is called; by its name where it is not installed."""
        if self.module and importlib.util.find_spec(self.module) is not None:
            return (sys.executable, "-m", self.module)
        return (shutil.which(self.name) or self.name,)

    def require(self) -> None:
        """Raises MissingToolError where it is not installed."""
        command = self.command()
        if len(command) == 1 and shutil.which(command[0]) is None:
            raise MissingToolError(self.name, "writes this board", self.install, self.note)


def run_command(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> str:
    """What it said; raises FlashError with its first complaint when it fails or does not end in time."""
    tool = _tool_of(command)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        said = first_complaint((error.stdout or b"").decode(errors="replace"))
        raise FlashError(f"{tool} did not finish within {timeout_s:g} s{said and f'; it said: {said}'}") from error
    except OSError as error:
        raise FlashError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        reason = first_complaint(said) or "it said nothing"
        raise FlashError(f"{tool} {describe_exit(done.returncode)}: {reason}")
    return said


def first_complaint(said: str) -> str:
    """The first line that sounds like trouble, or else the last one."""
    lines = (line for line in _lines(said) if not _REMARK.search(line))
    found = next((line for line in lines if _COMPLAINT.search(line)), "")
    return found[:_LONGEST_QUOTE] or last_said(said)


def last_said(said: str) -> str:
    """The last line, or nothing."""
    return next(iter(reversed(_lines(said))), "")[:_LONGEST_QUOTE]


def _lines(said: str) -> list[str]:
    lines = (_PROGRESS.sub("", line).strip() for line in _COLOURS.sub("", said).replace("\r", "\n").splitlines())
    return [line for line in lines if line]


def write_binary(job: Job) -> None:
    """The image as one piece, for tools that read no ELF."""
    assert job.image is not None
    write_durably(job.binary, job.image.flat())


def check_read_back(job: Job, path: Path) -> None:
    """Compare what a tool read from the board with what it wrote; raises FlashError with the first difference."""
    assert job.image is not None
    wanted = job.image.flat()
    try:
        found = path.read_bytes()
    except OSError as error:
        raise StorageError.of(path, error) from error
    if len(found) < len(wanted):
        raise FlashError(f"{job.board.name} gave back {len(found)} of {len(wanted)} bytes: flash it again")
    place = next((place for place, byte in enumerate(wanted) if byte != found[place]), None)
    if place is not None:
        raise FlashError(
            f"{job.board.name} holds 0x{found[place]:02x} at 0x{job.address + place:08x} where 0x{wanted[place]:02x} "
            "was written: flash it again; if it stays so, its flash is protected or worn out"
        )


def _tool_of(command: Sequence[str]) -> str:
    """How people call it: ``esptool``, not the interpreter that runs it."""
    if list(command[1:2]) == ["-m"] and len(command) > 2:
        return command[2]
    return Path(command[0]).name
