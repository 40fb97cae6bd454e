"""Boards that show a drive and take UF2 files on it (Microsoft's format): made here, copied, no tool needed.

"A UF2 file consists of 512 byte blocks, each of which is self-contained and independent of others." Numbers are
little-endian. Blocks here carry 256 bytes at an address that is a multiple of 256, which every boot loader takes.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from nasc_sdk.errors import InputError, StorageError, UnreachableError
from nasc_sdk.mcu.elf import Image
from nasc_sdk.mcu.flashers.step import Action, Job, PortNeed, Step, check_fits
from nasc_sdk.mcu.ports import port_after_reset

BLOCK_BYTES: Final = 512
PAYLOAD_BYTES: Final = 256
INFO_NAME: Final = "INFO_UF2.TXT"
FAMILIES: Final = {
    "rp2040": 0xE48BFF56, "rp2350-arm-s": 0xE48BFF59, "rp2350-riscv": 0xE48BFF5A, "samd21": 0x68ED2B88,
    "samd51": 0x55114460, "nrf52840": 0xADA52840,
    "stm32f4": 0x57755A57, "RPI-RP2": 0xE48BFF56, "RP2350": 0xE48BFF59,
}  # fmt: skip
"""By the names of Microsoft's list, and by what boot ROMs call themselves in their INFO_UF2.TXT."""
_BOARD_IDS: Final = frozenset({"RPI-RP2", "RP2350"})
DRIVE_TIMEOUT_S: Final = 60.0
"""A person must press the board's button."""
_POLL_S: Final = 0.3
_LONGEST_INFO: Final = 4096
_HEADER: Final = struct.Struct("<8I")
_START: Final = (0x0A324655, 0x9E5D5157)
_END: Final = 0x0AB16F30
_FAMILY_ID_PRESENT: Final = 0x00002000
_MOUNTS: Final = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt/*", "/Volumes/*")


def family_of(target: str) -> int:
    """Of a name in FAMILIES, or the number itself: ``0xe48bff56``."""
    if target in FAMILIES:
        return FAMILIES[target]
    try:
        number = int(target, 16) if target.startswith("0x") else -1
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 32:
        known = ", ".join(FAMILIES)
        raise InputError(f"{target!r} is no UF2 family: target in [flash] is one of {known}, or its number (0x...)")
    return number


def encode(image: Image, family: int) -> bytes:
    """The blocks of an image; a page that no segment touches has none, what a segment leaves of its page is zero."""
    pages: dict[int, bytearray] = {}
    for segment in image.segments:
        start = segment.address - segment.address % PAYLOAD_BYTES
        for address in range(start, segment.end, PAYLOAD_BYTES):
            page = pages.setdefault(address, bytearray(PAYLOAD_BYTES))
            first, last = max(address, segment.address), min(address + PAYLOAD_BYTES, segment.end)
            page[first - address : last - address] = segment.content[first - segment.address : last - segment.address]
    return b"".join(
        _block(address, bytes(page), number, len(pages), family)
        for number, (address, page) in enumerate(sorted(pages.items()))
    )


def _block(address: int, page: bytes, number: int, count: int, family: int) -> bytes:
    header = _HEADER.pack(*_START, _FAMILY_ID_PRESENT, address, PAYLOAD_BYTES, number, count, family)
    return (header + page).ljust(BLOCK_BYTES - 4, b"\0") + _END.to_bytes(4, "little")


def usual_places() -> Iterator[Path]:
    """Folders that drives are mounted at."""
    if os.name == "nt":
        yield from (Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")
    for pattern in _MOUNTS:
        yield from sorted(Path("/").glob(pattern[1:]))


def find_drives(places: Iterable[Path], target: str = "") -> tuple[Path, ...]:
    """Those of them that are a boot drive: with the file that the format's specification asks for.

    Where ``target`` is a board's own name for itself, only of such boards.
    """
    wanted = f"Board-ID: {target}".encode() if target in _BOARD_IDS else b""
    return tuple(place for place in places if (info := _boot_drive_info(place)) is not None and wanted in info)


def wait_for_drive(
    board_name: str, given: Path | None, timeout_s: float = DRIVE_TIMEOUT_S, target: str = ""
) -> Path:
    """The one boot drive; UnreachableError when none appears in time, InputError for several."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := find_drives([given] if given else usual_places(), target)):
        if time.monotonic() >= deadline_s:
            where = str(given) if given else ", ".join(_MOUNTS)
            raise UnreachableError(
                board_name,
                f"no boot drive (a folder with {INFO_NAME}) within {timeout_s:.0f} s at {where}; hold the board's boot "
                "button while plugging it in, mount the drive if your system does not, or name it with --drive",
            )
        time.sleep(_POLL_S)
    if len(found) > 1:
        raise InputError(f"several boot drives: {', '.join(map(str, found))}; say which with --drive")
    return found[0]


def copy_to_drive(content: bytes, drive: Path, name: str) -> None:
    """Write and flush; StorageError, unless the drive is gone after all was written: then the board has restarted.

    Not by way of a second name, as other files here: the boot loader counts blocks, and restarts before a rename.
    """
    path = drive / name
    written = False
    try:
        with path.open("wb", buffering=0) as file:
            place = 0
            while place < len(content):
                place += file.write(content[place:])
            written = True
            os.fsync(file.fileno())
    except OSError as error:
        if not written or _boot_drive_info(drive) is not None:
            raise StorageError.of(path, error) from error


def _boot_drive_info(place: Path) -> bytes | None:
    """What the drive says of its board; None where it is no boot drive."""
    try:
        with (place / INFO_NAME).open("rb") as file:
            return file.read(_LONGEST_INFO)
    except OSError:
        return None


class Uf2:
    """``target`` of the board is the chip's UF2 family."""

    port_need = PortNeed.AFTER

    def require(self) -> None:
        """Nothing."""

    def plan(self, job: Job) -> tuple[Step, ...]:
        """The boot loader checks each block's family and restarts by itself after the last one."""
        check_fits(job)
        family = family_of(job.board.flash.target)
        size = f"{len(encode(job.image, family))} bytes" if job.image else "size unknown"
        name = f"{job.name}.uf2"
        where = str(job.drive) if job.drive else "the board's boot drive (hold its boot button while plugging it in)"
        return (
            Step(Action.CONVERT, f"{job.elf.name} to {name}, {size}, family 0x{family:08x}"),
            Step(Action.WRITE, f"{job.size_text} at 0x{job.address:08x}, by copying {name} to {where}"),
            Step(Action.VERIFY, "by the firmware's hello: a boot drive cannot be read back"),
            Step(Action.RESET, "by the boot loader, after the last block"),
        )

    def perform(self, job: Job, step: Step) -> None:
        """Raises UnreachableError without a drive, StorageError."""
        if step.action is Action.WRITE:
            assert job.image is not None
            target = job.board.flash.target
            drive = wait_for_drive(job.board.name, job.drive, target=target)
            copy_to_drive(encode(job.image, family_of(target)), drive, f"{job.name}.uf2")

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The port that the firmware opens."""
        return port_after_reset(job)
