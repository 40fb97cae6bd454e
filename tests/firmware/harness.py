"""Builds the kernels with the program that runs cases, for the host and for emulated Cortex-M boards, and runs it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nasc_sdk.mcu.packing import Packing
from tests.firmware.kernels.cases import Case, CaseFile

KERNELS = Path(__file__).parents[2] / "firmware_profiles/nasc_firmware/src/kernels"
_PROGRAM = Path(__file__).parent / "kernels"
_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
_SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_POSIX_C_SOURCE=200112L")
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Machine:
    """One of QEMU's boards; addresses are of RAM for the program and of RAM for the cases."""

    name: str
    board: str
    flags: tuple[str, ...]
    ram_at: int
    cases_at: int


M3 = Machine("Cortex-M3", "mps2-an385", ("-mcpu=cortex-m3",), 0x20000000, 0x21000000)
M4 = Machine("Cortex-M4", "mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard"), 0x20000000, 0x21000000)
M55 = Machine("Cortex-M55", "mps3-an547", ("-mcpu=cortex-m55", "-mfloat-abi=hard"), 0x31000000, 0x31100000)


def missing(*commands: str) -> str:
    """Why nothing can be run, or an empty string."""
    absent = [command for command in commands if shutil.which(command) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


def _sources(packing: Packing) -> list[str]:
    folders = (KERNELS, KERNELS / packing.name.lower())
    return [str(path) for folder in folders for path in sorted(folder.glob("*.c"))]


def build_for_host(folder: Path) -> Path:
    """The plain kernels under the address and undefined-behaviour sanitizers."""
    program = folder / "host"
    _run([
        "cc", "-O1", "-std=c99", *_WARNINGS, *_SANITIZERS, f"-I{KERNELS}", *_sources(Packing.PLAIN),
        str(_PROGRAM / "cases.c"), str(_PROGRAM / "host.c"), "-o", str(program),
    ])  # fmt: skip
    return program


def run_on_host(program: Path, cases: list[Case], folder: Path) -> list[bytes]:
    """Outputs of the cases."""
    laid_out = CaseFile.of(cases, Packing.PLAIN)
    given, results = folder / "cases.bin", folder / "results.bin"
    given.write_bytes(laid_out.data)
    _run([str(program), str(given), str(results)])
    return laid_out.read(results.read_bytes())[0]


def build(machine: Machine, packing: Packing, folder: Path) -> Path:
    """The kernels of a packing for a bare board."""
    program = folder / f"{machine.board}-{packing.name.lower()}.elf"
    _run([
        "arm-none-eabi-gcc", "-mthumb", *machine.flags, "-O2", "-fwrapv", "-std=c99", "-ffreestanding", *_WARNINGS,
        f"-I{KERNELS}", f"-DCASES_AT=0x{machine.cases_at:x}u", *_sources(packing),
        str(_PROGRAM / "cases.c"), str(_PROGRAM / "cortex_m.c"), "-nostartfiles", "--specs=nano.specs",
        "-T", str(_PROGRAM / "cortex_m.ld"), f"-Wl,--defsym,RAM_AT=0x{machine.ram_at:x}", "-o", str(program),
    ])  # fmt: skip
    return program


def run(
    machine: Machine, packing: Packing, program: Path, cases: list[Case], *, counting: bool = False
) -> tuple[list[bytes], list[float]]:
    """Outputs of the cases, and the instructions of each call, which mean nothing unless ``counting``."""
    laid_out = CaseFile.of(cases, packing)
    given, results = program.with_suffix(".cases"), program.parent / "results.bin"
    given.write_bytes(laid_out.data)
    results.unlink(missing_ok=True)
    _run([
        "qemu-system-arm", "-M", machine.board, "-display", "none", "-monitor", "none", "-serial", "none",
        "-semihosting-config", "enable=on,target=native", *(["-icount", "shift=7"] if counting else []),
        "-device", f"loader,file={given},addr=0x{machine.cases_at:x},force-raw=on", "-kernel", str(program),
    ], program.parent)  # fmt: skip
    return laid_out.read(results.read_bytes())


def _run(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}"
