"""The Raspberry Pi Pico's firmware as it is flashed, in rp2040js: second stage, clocks, UART, flash, watchdog."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from hardware_tests.heads import random_head

from nasc_sdk.errors import RefusedError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.elf import read_elf
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.mcu.smp_client import SmpClient
from tests.firmware.hanging import hanging, named
from tests.firmware.harness import missing
from tests.firmware.smp.terminal import terminal_board

PROGRAM = Path(__file__).with_name("rp2040.js")
PATIENCE_S = 5.0
WATCHDOG_S = 20
"""As the chip counts; rp2040js knows ticks of a microsecond only, so half a second there."""


def has_rp2040js():
    if shutil.which("node") is None:
        return False
    asked = ["node", "-e", "require.resolve('rp2040js')"]
    return subprocess.run(asked, cwd=PROGRAM.parent, capture_output=True, timeout=20).returncode == 0


WHY_NOT = missing("arm-none-eabi-gcc") or ("" if has_rp2040js() else "rp2040js is not installed")
pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


@contextmanager
def plugged_in(board, folder):
    image = folder / "flash"
    image.write_bytes(read_elf(build(board, folder).elf.read_bytes()).flat())
    with terminal_board("node", PROGRAM, image) as (port, _):
        session = BoardSession(board, lambda: SmpClient(SerialWire(port), timeout_s=PATIENCE_S), emulated=True)
        yield session
        session.close()


def test_heads_are_exact_and_stay_over_a_reset(tmp_path):
    with plugged_in(find_board("rpi-pico"), tmp_path) as session:
        assert session.hello.time_source == "systick"
        for seed in (1, 2):
            model, image, expected = random_head("nb201", seed)
            session.bring(session.compile(model, str(seed)), keep=True)
            assert session.infer(image)[1] == expected
        session.reset()
        assert session.infer(image)[1] == expected


def test_a_head_that_never_ends_leaves_the_one_before(tmp_path):
    (model, image, expected), (other, _, _) = (random_head("nb201", seed) for seed in (2, 3))
    with plugged_in(hanging(find_board("rpi-pico"), WATCHDOG_S), tmp_path) as session:
        session.bring(session.compile(model, "kept"), keep=True)
        with pytest.raises(RefusedError, match="unknown"):
            session.bring(named(session, other, "never"), keep=True)
        session.use_present()
        assert session.infer(image)[1] == expected
