"""What an upload takes of the core, by the whole firmware on an emulated one: the figures that rates are offered by."""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nasc_sdk.mcu.boards import KernelSet, find_board
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.smp_frames import Framing, encode
from nasc_sdk.mcu.smp_messages import Command, encode_request
from tests.firmware.harness import missing
from tests.firmware.smp.chips import M0_INSTRUCTIONS, M4_INSTRUCTIONS

WHY_NOT = missing("arm-none-eabi-gcc", "qemu-system-arm")
pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]
pytest.importorskip("cbor2", reason="cbor2 is not installed")

UPLOAD_AT, UPLOAD_BYTES, DATA_BYTES = 0x21200000, 60_000, 742
SHIFT = 7


def frames():
    """Sizes, and the upload on the line."""
    plan = random.Random(1).randbytes(UPLOAD_BYTES)
    begin = {"off": 0, "data": b"", "len": len(plan), "sha": hashlib.sha256(plan).digest()}
    parts = [begin, *({"off": at, "data": plan[at : at + DATA_BYTES]} for at in range(0, len(plan), DATA_BYTES))]
    sent = [encode(Framing.RAW, encode_request(Command.UPLOAD, at % 256, part)) for at, part in enumerate(parts)]
    return struct.pack("<II", sum(map(len, sent)), len(sent[0])) + b"".join(sent)


@pytest.mark.parametrize(
    ("name", "flags", "kernels", "expected"),
    [
        ("mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=soft", "-mthumb"), KernelSet.DSP, M4_INSTRUCTIONS),
        # A Cortex-M3 runs what is made for an M0+.
        ("mps2-an385", ("-mcpu=cortex-m0plus", "-mfloat-abi=soft", "-mthumb"), KernelSet.PLAIN, M0_INSTRUCTIONS),
    ],
)
def test_instructions_a_byte(tmp_path, name, flags, kernels, expected):
    board = find_board(name)
    own = str(Path(__file__).with_name("cortex_m_upload.c"))
    sources = tuple(own if source.endswith("uart.c") else source for source in board.build.sources)
    defines = {**board.build.defines, "UPLOAD_AT": UPLOAD_AT}
    board = replace(board, kernels=kernels, build=replace(board.build, sources=sources, flags=flags, defines=defines))
    (tmp_path / "upload").write_bytes(frames())
    command = [
        "qemu-system-arm", "-M", name, "-display", "none", "-monitor", "none", "-serial", "none", "-icount",
        f"shift={SHIFT}", "-semihosting-config", "enable=on,target=native", "-device",
        f"loader,file={tmp_path / 'upload'},addr={UPLOAD_AT},force-raw=on", "-kernel", str(build(board, tmp_path).elf),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    ticks_a_byte = int(done.stderr or done.stdout) / 1000
    ticks_an_instruction = board.clock_hz / 1e9 * (1 << SHIFT)
    assert 0.9 * expected <= ticks_a_byte / ticks_an_instruction <= expected
