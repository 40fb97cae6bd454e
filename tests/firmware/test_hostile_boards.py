"""Plans that lie, sent to emulated boards: kernels in assembly and with vectors, which no sanitizer watches.

Each is refused, or runs without a fault and without writing more than its arena: memory that is nobody's is read
through the emulator, and the head that was there before still runs. ``python -m tests.firmware.test_hostile_boards
BOARD MUTANTS`` does more of it.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hardware_tests.heads import random_head

from nasc_sdk.errors import RefusedError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.emulator import EmulatedBoard
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.mcu.smp_client import SmpClient
from tests.firmware.harness import missing
from tests.firmware.mutants import good_plan, lie_in_content, lie_in_fields

WHY_NOT = missing("arm-none-eabi-gcc", "qemu-system-arm")
pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

MUTANTS = 16
STACK_BYTES = 4096
ARENA_FIELD = 32
CLEAN = {"bad_plan", "too_large", "wrong_board"}
TIMEOUT_S = 10.0
PATIENCE_S = 30.0
"""For an answer: lies may mean much work, and what is asked twice is done twice."""


class Monitor:
    """QEMU's, on a socket; it speaks lines of JSON (QMP)."""

    def __init__(self, folder):
        self._folder, self._socket = folder, socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT_S)
        self._socket.connect(str(folder / "monitor"))
        self._lines = self._socket.makefile()
        self._ask("qmp_capabilities")

    def memory(self, start, end):
        image = self._folder / "memory"
        self._ask("pmemsave", val=start, size=end - start, filename=str(image))
        return image.read_bytes()

    def close(self):
        self._lines.close()
        self._socket.close()

    def _ask(self, command, **arguments):
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        answers = (json.loads(line) for line in self._lines)
        answer = next(answer for answer in answers if answer.keys() & {"return", "error"})
        assert "return" in answer, answer


@contextmanager
def watched(name, folder):
    """A session with the board, its monitor, and where memory that nobody uses is."""
    board = find_board(name)
    monitor = ("-qmp", f"unix:{folder / 'monitor'},server=on,wait=off")
    board = replace(
        board,
        build=replace(
            board.build,
            sources=(*board.build.sources, str(Path(__file__).with_name("any_answer.c"))),
            flags=(*board.build.flags, "-Wl,--wrap=nasc_head_try"),
        ),
        emulator=replace(board.emulator, arguments=(*board.emulator.arguments, *monitor)),
    )
    firmware = build(board, folder)
    used = subprocess.run(["arm-none-eabi-size", "-A", firmware.elf], capture_output=True, text=True, check=True)
    size, start = map(int, re.search(r"^\.noinit +(\d+) +(\d+)", used.stdout, re.MULTILINE).groups())
    free = (start + size, board.build.ram_origin + board.ram_bytes - STACK_BYTES)
    with EmulatedBoard(board, firmware.elf) as machine:
        session = BoardSession(board, lambda: SmpClient(SerialWire(machine.port), timeout_s=PATIENCE_S), emulated=True)
        watch = Monitor(folder)
        try:
            yield session, watch, free
        finally:
            watch.close()
            session.close()


def outcome(client, plan):
    """How a plan ended; a refusal must have a reason that plans have, a run must keep to its arena."""
    sha256 = client.upload(plan)
    try:
        client.select(sha256)
    except RefusedError as error:
        assert error.code in CLEAN, error
        return error.code
    profile = client.profile()
    assert profile.arena_used_bytes <= struct.unpack_from("<I", plan, ARENA_FIELD)[0]
    return "ran"


def run_mutants(name, count, folder):
    """Of so many mutants, how each ended."""
    model, image, expected = random_head("nb201", 1)
    rng, ends = np.random.default_rng(count), Counter()
    with watched(name, folder) as (session, monitor, free):
        session.bring(session.compile(model, "kept"), keep=True)
        session.infer(image)
        before = monitor.memory(*free)
        plans = [good_plan(seed, packing=session.packing) for seed in range(4)]
        for number in range(count):
            lie = lie_in_fields if number % 2 else lie_in_content
            ends[outcome(session._client, lie(plans[number % len(plans)], rng))] += 1
        assert monitor.memory(*free) == before
        session.bring(session.compile(model, "kept"))
        assert session.infer(image)[1] == expected
    return ends


@pytest.mark.parametrize("name", ["mps2-an386", "mps3-an547"])
def test_hostile_plans_are_refused_or_run_within_their_arena(name, tmp_path):
    assert set(run_mutants(name, MUTANTS, tmp_path)) >= {"ran", "bad_plan"}


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        sys.stdout.write(f"{dict(run_mutants(sys.argv[1], int(sys.argv[2]), Path(folder)))}\n")
