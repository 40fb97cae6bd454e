"""Known boards: one TOML file each in ``firmware_profiles``, read into :class:`Board` or :class:`LinuxBoard`.

A microcontroller runs our firmware; a board with Linux, whose file says ``tool = "ssh"``, runs ``nasc-sdk agent``.
A board of one's own is a file in a folder that ``NASC_BOARDS`` (or ``nasc-sdk boards --boards``) names; it may replace
a known one.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from nasc_sdk.errors import InputError

FOLDER_VARIABLE: Final = "NASC_BOARDS"
_Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 30)]
_Address = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Baud = Annotated[int, msgspec.Meta(ge=1200, le=12_000_000)]
_UsbId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]


class KernelSet(StrEnum):
    """Which of the firmware's kernels a board runs."""

    PLAIN = "plain"
    DSP = "dsp"
    MVE = "mve"


class Tool(StrEnum):
    """What writes a microcontroller's flash."""

    EMULATOR = "emulator"
    ESPTOOL = "esptool"
    STM32FLASH = "stm32flash"
    PYOCD = "pyocd"
    OPENOCD = "openocd"
    DFU_UTIL = "dfu-util"
    UF2 = "uf2"


@dataclass(frozen=True, slots=True)
class Serial:
    """The port that the firmware speaks on."""

    baud: _Baud = 115_200
    """What firmware is built for unless another of its rates is asked for."""
    rates: tuple[_Baud, ...] = ()
    """All that the board offers; empty for ``baud`` alone."""

    def __post_init__(self) -> None:
        if self.rates and self.baud not in self.rates:
            raise ValueError(f"baud {self.baud} is not among rates")

    @property
    def offered(self) -> tuple[int, ...]:
        """Every rate, ``baud`` included."""
        return self.rates or (self.baud,)


@dataclass(frozen=True, slots=True)
class Usb:
    """How an attached board is recognised."""

    ids: tuple[_UsbId, ...] = ()
    """Vendor and product, four lower-case hexadecimal digits each: ``0483:374b``."""


@dataclass(frozen=True, slots=True)
class Build:
    """What the compiler and the linker are told; paths count from ``nasc_firmware``."""

    sources: tuple[str, ...]
    linker: str
    code_origin: _Address
    ram_origin: _Address
    code_bytes: _Size = 0
    """Room for the firmware's code; 0 for all of the flash."""
    ram_bytes: _Size = 0
    """Room for its data and stack; 0 for all of the RAM."""
    flags: tuple[str, ...] = ()
    defines: dict[str, int] = field(default_factory=dict)
    compiler: str = "arm-none-eabi-gcc"
    specs: str = "nano.specs"
    """Names the C library to the compiler."""


@dataclass(frozen=True, slots=True)
class Flash:
    """How the firmware gets onto the board."""

    tool: Tool
    target: str = ""
    """What the tool calls the chip."""
    address: _Address = 0


@dataclass(frozen=True, slots=True)
class Emulator:
    """The machine of QEMU that stands for the board."""

    machine: str
    icount_shift: Annotated[int, msgspec.Meta(ge=0, le=10)]
    """An instruction takes 2 to this power nanoseconds of the machine's time."""
    command: str = "qemu-system-arm"
    arguments: tuple[str, ...] = ()
    """What else the command is told."""
    flash_image: bool = False
    """Whether its flash can be a file on this machine, of the size of the board's flash."""


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of microcontroller; sizes in bytes."""

    title: str
    core: str
    clock_hz: _Size
    ram_bytes: _Size
    flash_bytes: _Size
    arena_bytes: _Size
    """Memory that heads compute in."""
    store_bytes: _Size
    """Flash of both head slots."""
    kernels: KernelSet
    build: Build
    flash: Flash
    serial: Serial = Serial()
    usb: Usb = Usb()
    emulator: Emulator | None = None
    name: str = ""
    """That of its file."""


@dataclass(frozen=True, slots=True)
class SshInstall:
    """How the agent gets onto a board with Linux."""

    tool: Literal["ssh"]


@dataclass(frozen=True, slots=True)
class LinuxBoard:
    """One kind of board with Linux."""

    title: str
    core: str
    clock_hz: Annotated[int, msgspec.Meta(ge=0, le=10_000_000_000)]
    ram_bytes: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
    machines: tuple[str, ...]
    """What ``uname -m`` may say on it: ``aarch64``; one of 32 bits too where its system is."""
    flash: SshInstall
    name: str = ""
    """That of its file."""


AnyBoard = Board | LinuxBoard


def firmware_folder() -> Path:
    """Where sources and board files are."""
    return Path(str(files("nasc_firmware")))


def load_boards(folder: Path | None = None) -> dict[str, Board]:
    """Known microcontrollers by name, and those of ``folder``; raises InputError for a file that describes none."""
    return {name: board for name, board in load_every_board(folder).items() if isinstance(board, Board)}


def load_every_board(folder: Path | None = None) -> dict[str, AnyBoard]:
    """As :func:`load_boards`, with those that run Linux."""
    own = folder or (Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else None)
    if own is not None and not own.is_dir():
        raise InputError(f"{own} is no folder of board files")
    paths = [*_board_files(firmware_folder() / "boards"), *(_board_files(own) if own else ())]
    return {path.stem: _read(path) for path in paths}


def find_board(name: str, folder: Path | None = None) -> Board:
    """One microcontroller; raises InputError, which lists the others, for a name that is not known."""
    board = find_any_board(name, folder)
    if isinstance(board, LinuxBoard):
        raise InputError(
            f"{name} runs Linux: install the agent with nasc-sdk flash --board {name} --host USER@HOST, "
            "then name it with --device instead of --board"
        )
    return board


def find_any_board(name: str, folder: Path | None = None) -> AnyBoard:
    """As :func:`find_board`, or one that runs Linux."""
    boards = load_every_board(folder)
    if name not in boards:
        known = ", ".join(sorted(boards))
        raise InputError(f"no board {name!r}; known are {known}, and your own with {FOLDER_VARIABLE}")
    return boards[name]


def _board_files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.toml"))


def _read(path: Path) -> AnyBoard:
    try:
        document = tomllib.loads(path.read_text())
        document["name"] = path.stem
        return msgspec.convert(document, LinuxBoard) if _runs_linux(document) else msgspec.convert(document, Board)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path} describes no board: {error}") from error


def _runs_linux(document: dict[str, Any]) -> bool:
    flash = document.get("flash")
    return isinstance(flash, dict) and flash.get("tool") == "ssh"
