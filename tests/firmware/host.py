"""Firmware sources built by this machine's compiler, with sanitizers, and programs of them spoken to by pipes."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from nasc_sdk.mcu.boards import firmware_folder

ARENA_BYTES = 1 << 20
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) on this machine")

HEAD_SOURCES = ("arena.c", "head.c", "plan.c", "digest/crc.c")


def build_host(folder: Path, name: str, *sources: Path, firmware: tuple[str, ...] = HEAD_SOURCES) -> Path:
    """A program of the named firmware sources, all plain kernels, and ``sources``."""
    root = firmware_folder() / "src"
    kernels = [*(root / "kernels").glob("*.c"), *(root / "kernels/plain").glob("*.c")]
    program = folder / name
    command = [
        "cc", *WARNINGS, *SANITIZERS, "-O1", "-g", "-fwrapv", f"-DNASC_ARENA_BYTES={ARENA_BYTES}u", f"-I{root}",
        f"-I{firmware_folder()}", *map(str, [*(root / path for path in firmware), *kernels, *sources]),
        "-o", str(program),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return program


@dataclass(frozen=True)
class Answer:
    fault: int
    status: int
    output: bytes


class HostHead:
    """``head_host.c`` as a process; whatever a sanitizer finds ends it, and the test with it."""

    def __init__(self, folder: Path) -> None:
        program = build_host(folder, "head-host", Path(__file__).with_name("head_host.c"))
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, plan: bytes, data: bytes = b"") -> Answer:
        """One plan, on an input or on its golden one."""
        try:
            self._process.stdin.write(struct.pack("<II", len(plan), len(data)) + plan + data)
            self._process.stdin.flush()
            fault, status, count = struct.unpack("<III", self._process.stdout.read(12))
            return Answer(fault, status, self._process.stdout.read(count))
        except (BrokenPipeError, struct.error):
            pytest.fail(self._process.stderr.read().decode()[:4000])

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._process.stderr.close()
