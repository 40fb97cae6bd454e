"""Hardware that does not keep its promises: ports on this machine whose registers never change. No wait is for ever."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nasc_sdk.mcu.boards import find_board, firmware_folder
from nasc_sdk.mcu.smp_messages import Status
from tests.firmware.host import WARNINGS, needs_compiler

pytestmark = needs_compiler

HERE = Path(__file__).parent
ONES, ZEROS = "ffffffff", "0"
SMALL_CLOCK_HZ = 64_000
"""So that a wait has few polls; 64 MHz would have seconds of them."""
OWN = {"NASC_CLOCK_HZ": SMALL_CLOCK_HZ, "NASC_UART": "((uintptr_t)stuck_bytes)", "NASC_FMC_WINDOW": "stuck_bytes"}


def ask(folder, board, source, word, kind):
    """What the part of a board's port says."""
    board, program = find_board(board), folder / "stuck-host"
    defines = {**board.build.defines, "NASC_STORE_BYTES": board.store_bytes, "NASC_BAUD": board.serial.baud, **OWN}
    command = [
        "cc", *WARNINGS, "-O1", f"-DTEST_{kind}", *(f"-D{name}={value}" for name, value in defines.items()),
        f"-I{firmware_folder()}", f"-I{firmware_folder() / 'src'}", "-include", str(HERE / "stuck.h"),
        str(firmware_folder() / "ports" / source), str(HERE / "stuck_host.c"), "-o", str(program),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return subprocess.run([program, word], capture_output=True, text=True, timeout=20, check=True).stdout.split()


@pytest.mark.parametrize(
    ("board", "source", "busy"),
    [
        ("nucleo-f446re", "stm32f4/store.c", ONES),
        ("nucleo-h743zi", "stm32h7/store.c", ONES),
        ("nrf52840-dk", "nrf52/store.c", ZEROS),
        ("ast1030-evb", "aspeed/store.c", ONES),
    ],
)
def test_flash_that_stays_busy_is_told(tmp_path, board, source, busy):
    assert ask(tmp_path, board, source, busy, "STORE") == [str(Status.BUSY.value)] * 2


def test_flash_that_says_it_failed_is_told(tmp_path):
    assert ask(tmp_path, "nucleo-f446re", "stm32f4/store.c", "10", "STORE") == [str(Status.FLASH_FAILED.value)] * 2


@pytest.mark.parametrize(
    ("board", "source", "never"),
    [
        ("nucleo-f446re", "stm32f4/uart.c", ZEROS),
        ("nucleo-h743zi", "stm32h7/uart.c", ZEROS),
        ("nrf52840-dk", "nrf52/uart.c", ZEROS),
        ("rpi-pico", "rp2040/uart.c", ONES),
        ("esp32-c3", "esp32c3/uart.c", ONES),
        ("mps2-an386", "cmsdk/uart.c", ONES),
        ("riscv32-virt", "ns16550/uart.c", ZEROS),
    ],
)
def test_a_line_that_takes_nothing_loses_what_is_sent(tmp_path, board, source, never):
    assert ask(tmp_path, board, source, never, "SERIAL") == ["sent"]


@pytest.mark.parametrize(
    ("board", "source"),
    [("nucleo-h743zi", "stm32h7/chip.c"), ("nrf52840-dk", "nrf52/chip.c"), ("rpi-pico", "rp2040/chip.c")],
)
def test_a_clock_that_does_not_come_is_not_waited_for(tmp_path, board, source):
    assert ask(tmp_path, board, source, ZEROS, "CHIP") == ["started"]
