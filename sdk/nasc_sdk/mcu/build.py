"""Builds the firmware for a board with the compiler that its file names."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nasc_sdk.durable import make_directory
from nasc_sdk.errors import BuildError, InputError, MissingToolError
from nasc_sdk.mcu.boards import Board, firmware_folder
from nasc_sdk.mcu.elf import read_elf

_TIMEOUT_S: Final = 120.0
_STACK_BYTES: Final = 4096
_WARNINGS: Final = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
_PACKAGES: Final = {
    "arm-none-eabi-gcc": "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "riscv64-unknown-elf-gcc": "apt install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
}


@dataclass(frozen=True, slots=True)
class Firmware:
    """What was built."""

    board: Board
    elf: Path
    code_bytes: int
    """Of flash: instructions, constants, initial values."""
    ram_bytes: int
    """Besides the arena, the stack and a store in memory."""
    sha256: str


def build(board: Board, folder: Path, *, extra_defines: tuple[str, ...] = ()) -> Firmware:
    """Compile and link into ``folder``; MissingToolError, or BuildError with the compiler's first complaint."""
    compiler = shutil.which(board.build.compiler)
    if compiler is None:
        hint = _PACKAGES.get(board.build.compiler, f"install {board.build.compiler}")
        raise MissingToolError(board.build.compiler, f"builds the firmware of {board.name}", hint)
    make_directory(folder)
    elf = folder / f"nasc-{board.name}.elf"
    _run([compiler, *_arguments(board, extra_defines), "-o", str(elf)])
    sizes, content = _section_sizes(compiler, elf), elf.read_bytes()
    return Firmware(
        board,
        elf,
        read_elf(content, str(elf)).content_bytes,
        sizes[".data"] + sizes[".bss"] - board.arena_bytes,
        hashlib.sha256(content).hexdigest(),
    )


def _arguments(board: Board, extra_defines: tuple[str, ...]) -> list[str]:
    root = firmware_folder()
    common = [path for path in (root / "src").rglob("*.c") if path.relative_to(root / "src").parts[:1] != ("kernels",)]
    kernels = [*(root / "src/kernels").glob("*.c"), *(root / "src/kernels" / board.kernels).glob("*.c")]
    own = [root / path for path in board.build.sources]
    missing = [path for path in own if not path.exists()]
    if missing:
        raise InputError(f"board {board.name} names {missing[0]}, which is not there")
    return [
        # Sums of a plan that lies may exceed 32 bits: they wrap, and only values are wrong.
        *_WARNINGS, "-O2", "-fwrapv", "-ffunction-sections", "-fdata-sections", "-ffreestanding", *board.build.flags,
        f"-I{root / 'src'}", f"-I{root}", *_defines(board), *(f"-D{define}" for define in extra_defines),
        *map(str, sorted([*common, *kernels, *own])),
        "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings", "-Wl,--no-warn-rwx-segments",
        f"--specs={board.build.specs}", f"-T{root / board.build.linker}",
        *(f"-Wl,--defsym={name}={value}" for name, value in _symbols(board).items()),
    ]  # fmt: skip


def _defines(board: Board) -> list[str]:
    numbers = {
        "NASC_CLOCK_HZ": board.clock_hz, "NASC_RAM_BYTES": board.ram_bytes, "NASC_FLASH_BYTES": board.flash_bytes,
        "NASC_ARENA_BYTES": board.arena_bytes, "NASC_STORE_BYTES": board.store_bytes, "NASC_BAUD": board.serial.baud,
        **board.build.defines,
    }  # fmt: skip
    words = {"NASC_BOARD": board.name, "NASC_CORE": board.core}
    return [
        *(f"-D{name}={value}u" for name, value in numbers.items()),
        *(f'-D{name}="{word}"' for name, word in words.items()),
    ]


def _symbols(board: Board) -> dict[str, int]:
    return {
        "CODE_ORIGIN": board.build.code_origin, "CODE_LENGTH": _code_bytes(board),
        "RAM_ORIGIN": board.build.ram_origin, "RAM_LENGTH": board.build.ram_bytes or board.ram_bytes,
        "STACK_BYTES": _STACK_BYTES,
    }  # fmt: skip


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{Path(command[0]).name} did not finish within {_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        # "collect2: error" only says that the linker has spoken before.
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("collect2")]
        said = next((line for line in lines if "error: " in line), "\n".join(lines[:3]))
        raise BuildError(f"{Path(command[0]).name} refused the firmware: {said[:500]}")
    return done.stdout


def _code_bytes(board: Board) -> int:
    return board.build.code_bytes or board.flash_bytes


def _section_sizes(compiler: str, elf: Path) -> dict[str, int]:
    tool = compiler.removesuffix("gcc") + "size"
    rows = (line.split() for line in _run([tool, "-A", str(elf)]).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}
