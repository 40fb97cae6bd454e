"""An upload takes nine tenths of the line at every rate that a board offers, and its UART can be set to that rate."""

from __future__ import annotations

import shutil

import pytest

from nasc_sdk.mcu.boards import load_boards
from nasc_sdk.mcu.rates import packet_s
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.mcu.smp_frames import Framing
from tests.firmware.smp.chips import CHIPS
from tests.firmware.smp.paced import PacedWire, build_paced, upload

pytest.importorskip("cbor2", reason="cbor2 is not installed")
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) here")

BOARDS = load_boards()
OFFERED = [(name, baud) for name in CHIPS for baud in BOARDS[name].serial.offered]
LEAST_SHARE = 0.9
MOST_ERROR = 0.02


def stm32(board, baud):
    return board.clock_hz / ((board.clock_hz + baud // 2) // baud)


def pl011(board, baud):
    return 4 * board.clock_hz / ((4 * board.clock_hz + baud // 2) // baud)


def esp32(board, baud):
    clock_hz = board.build.defines["NASC_UART_CLOCK_HZ"]
    return 16 * clock_hz / ((16 * clock_hz + baud // 2) // baud)


def ns16550(board, baud):
    clock_hz = board.build.defines["NASC_UART_CLOCK_HZ"]
    return clock_hz / 16 / ((clock_hz + 8 * baud) // (16 * baud))


def cmsdk(board, baud):
    return board.clock_hz / (board.clock_hz // baud)


def nrf52(board, baud):
    """As the product specification gives it for each value of BAUDRATE."""
    return {115_200: 115_942, 230_400: 231_884, 460_800: 470_588, 921_600: 941_176}[baud]


SET_BY = {
    "ports/stm32f4/uart.c": stm32, "ports/stm32h7/uart.c": stm32, "ports/rp2040/uart.c": pl011,
    "ports/esp32c3/uart.c": esp32, "ports/ns16550/uart.c": ns16550, "ports/cmsdk/uart.c": cmsdk,
    "ports/nrf52/uart.c": nrf52,
}  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build_paced(tmp_path_factory.mktemp("paced"))


def test_every_board_for_hardware_has_its_times():
    assert set(CHIPS) == {name for name, board in BOARDS.items() if board.emulator is None}


@needs_compiler
@pytest.mark.parametrize(("name", "baud"), OFFERED)
def test_an_upload_takes_nine_tenths_of_the_line(program, name, baud):
    taken = upload(program, BOARDS[name], baud)
    assert LEAST_SHARE <= taken.share < 0.96


@needs_compiler
def test_a_rate_that_flash_cannot_keep_up_with_is_not_offered(program):
    """Nothing is lost in the ring then, either: the window keeps the host back."""
    board = BOARDS["nucleo-f446re"]
    assert 460_800 not in board.serial.offered
    taken = upload(program, board, 460_800)
    assert taken.share < 0.6
    assert taken.sent_bytes < 1.06 * taken.plan_bytes


@needs_compiler
def test_it_repeats_to_the_nanosecond(program):
    board = BOARDS["esp32-c3"]
    assert upload(program, board, 115_200) == upload(program, board, 115_200)


@needs_compiler
def test_the_console_framing_takes_what_base64_leaves(program):
    taken = upload(program, BOARDS["esp32-c3"], 115_200, Framing.CONSOLE)
    assert 0.68 < taken.share < 0.75


@needs_compiler
@pytest.mark.parametrize("baud", [57_600, 38_400, 19_200])
def test_on_a_slow_line_nothing_is_asked_for_while_its_answer_is_still_coming(program, baud):
    """Rates that a board file of one's own may have."""
    wire = PacedWire(program, CHIPS["nrf52840-dk"], baud, BOARDS["nrf52840-dk"].clock_hz)
    client = SmpClient(wire, clock=wire.clock, packet_s=packet_s(baud))
    try:
        client.hello()
        before, text = wire.sent_bytes, "x" * 350
        assert client.echo(text) == text
        assert wire.sent_bytes - before < 2 * len(text)
    finally:
        client.close()


@pytest.mark.parametrize(("name", "baud"), [(name, rate) for name in BOARDS for rate in BOARDS[name].serial.offered])
def test_the_uart_can_be_set_near_enough(name, baud):
    board = BOARDS[name]
    (actual,) = (SET_BY[source](board, baud) for source in board.build.sources if source in SET_BY)
    assert abs(actual / baud - 1) <= MOST_ERROR


def test_what_is_too_far_off_is_seen():
    assert abs(nrf52(BOARDS["nrf52840-dk"], 460_800) / 460_800 - 1) > MOST_ERROR
    assert abs(stm32(BOARDS["nucleo-f446re"], 921_600) / 921_600 - 1) > MOST_ERROR
