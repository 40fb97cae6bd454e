"""QEMU as a board: a process with the firmware, its serial port a pseudo terminal of this machine."""

from __future__ import annotations

import re
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nasc_sdk.errors import InputError, MissingToolError, RuntimeUnavailableError, UnreachableError
from nasc_sdk.mcu.boards import Board

_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 5.0
_PORT: Final = re.compile(rb"char device redirected to (\S+)")
_MOST_SAID: Final = 1 << 16
_PACKAGES: Final = {"qemu-system-riscv32": "qemu-system-misc"}
_ERASED: Final = b"\xff"


class EmulatedBoard:
    """One running machine; leaving the block ends it. Raises MissingToolError where QEMU is not installed.

    ``flash_image`` is a file that holds the board's flash, and keeps it when the machine ends, however it ends; one
    that is not there is made, erased. Without, flash is erased at each start. Raises InputError for boards without.
    """

    def __init__(self, board: Board, firmware: Path, *, flash_image: Path | None = None) -> None:
        emulator = board.emulator
        if emulator is None:
            raise RuntimeUnavailableError(f"{board.name} is not emulated here: it needs the real board")
        command = shutil.which(emulator.command)
        if command is None:
            package = _PACKAGES.get(emulator.command, emulator.command)
            raise MissingToolError(emulator.command, f"emulates {board.name}", f"apt install {package}")
        drive = _drive(board, flash_image) if flash_image is not None else []
        self.board = board
        self._process = subprocess.Popen(
            [
                command, "-M", emulator.machine, "-display", "none", "-monitor", "none", "-serial", "pty",
                "-icount", f"shift={emulator.icount_shift}", "-kernel", str(firmware),
                *emulator.arguments, *drive,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            self.port = self._find_port()
        except BaseException:
            self.stop()
            raise

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Cut its power."""
        self._process.kill()
        self._process.wait(_STOP_TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _find_port(self) -> str:
        """What QEMU says of its serial port when it has started."""
        assert self._process.stdout is not None
        said, deadline = b"", time.monotonic() + _START_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0 and len(said) < _MOST_SAID:
            ready, _, _ = select.select([self._process.stdout], [], [], left)
            if not ready or not (part := self._process.stdout.read1(4096)):  # type: ignore[attr-defined] # buffered
                break
            said += part
            if found := _PORT.search(said):
                return found.group(1).decode()
        reason = said.decode(errors="replace").strip() or f"said nothing for {_START_TIMEOUT_S:.0f} s"
        raise UnreachableError(f"emulator of {self.board.name}", reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _drive(board: Board, flash_image: Path) -> list[str]:
    if board.emulator is None or not board.emulator.flash_image:
        raise InputError(f"the emulated {board.name} keeps no flash in a file")
    if not flash_image.exists():
        flash_image.write_bytes(_ERASED * board.flash_bytes)
    return ["-drive", f"file={flash_image},if=mtd,format=raw"]
