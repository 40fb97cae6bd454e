"""Rates of the serial line: which a board offers, and what is said when nothing is heard at one."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import tty

import pytest

from nasc_sdk.errors import InputError, UnreachableError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.rates import at_rate, open_any_client, open_client
from nasc_sdk.mcu.session import open_session

pytest.importorskip("serial", reason="pyserial is not installed")
NUCLEO = find_board("nucleo-f446re")


@contextlib.contextmanager
def line_at_another_rate():
    """Answers whatever comes with bytes that mean nothing, as a UART of another rate does."""
    board_end, host_end = pty.openpty()
    for end in (board_end, host_end):
        tty.setraw(end)

    def answer():
        with contextlib.suppress(OSError):  # the terminal's other end was closed
            while os.read(board_end, 4096):
                os.write(board_end, bytes.fromhex("f8 00 86 e6 98 66 fe"))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield os.ttyname(host_end)
    finally:
        os.close(host_end)
        thread.join(5)
        os.close(board_end)


def test_a_board_is_at_its_usual_rate_or_at_another_of_its_own():
    assert at_rate(NUCLEO, None) == NUCLEO
    assert at_rate(NUCLEO, 230_400).serial.baud == 230_400
    assert at_rate(NUCLEO, 230_400).serial.offered == NUCLEO.serial.offered
    with pytest.raises(InputError, match="nucleo-f446re offers 115200 or 230400 baud, not 460800"):
        at_rate(NUCLEO, 460_800)
    with pytest.raises(InputError, match="mps2-an386 offers 115200 baud, not 230400"), open_session(
        find_board("mps2-an386"), baud=230_400
    ):
        pass


def test_nothing_heard_at_a_rate_names_it_and_the_others():
    with line_at_another_rate() as port:
        client = open_client(port, at_rate(NUCLEO, 230_400), timeout_s=0.2, attempts=1)
        with pytest.raises(UnreachableError, match=r"came at 230400 baud, .* with --baud 115200; nasc-sdk flash"):
            client.hello()
        client.close()


def test_nothing_heard_of_an_unknown_board_says_where_rates_are_listed():
    with line_at_another_rate() as port:
        client = open_any_client(port, None)
        with pytest.raises(UnreachableError, match=r"at 115200 baud, .* with --baud RATE \(nasc-sdk boards lists them"):
            client.hello()
        client.close()
