"""The firmware's protocol, compiled for this machine with the sanitizers on."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[3] / "firmware_profiles/nasc_firmware/src"
HOST = Path(__file__).with_name("host")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
PROTOCOL = (*sorted((SOURCES / "smp").glob("*.c")), SOURCES / "digest/crc.c", SOURCES / "digest/sha256.c")


@cache
def _why_not():
    """Why nothing can be compiled here, or an empty string."""
    if shutil.which("cc") is None:
        return "no C compiler (cc) here"
    probe = ("cc", *SANITIZERS, "-x", "c", "-", "-o", "/dev/null")
    linked = subprocess.run(probe, input=b"int main(void) { return 0; }", capture_output=True, timeout=60)
    return "" if linked.returncode == 0 else "the C compiler (cc) has no address and undefined-behaviour sanitizers"


def build(folder, name):
    """The program made of ``host/<name>_main.c``, the protocol and the doubles; skips without a compiler."""
    if reason := _why_not():
        pytest.skip(reason)
    program = folder / name
    includes = (f"-I{SOURCES}", f"-I{HOST}")
    sources = (*PROTOCOL, HOST / "doubles.c", HOST / f"{name}_main.c")
    command = ("cc", *WARNINGS, *SANITIZERS, "-g", "-O1", *includes, *map(str, sources), "-o", str(program))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return program
