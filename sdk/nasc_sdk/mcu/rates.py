"""The rate of a board's serial line: firmware is built for one of those that its board file offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.boards import Board
from nasc_sdk.mcu.serial_wire import BAUD_RATE, SerialWire
from nasc_sdk.mcu.smp_client import SmpClient

_FLASHED: Final = "nasc-sdk flash writes it anew"
_LONGEST_PACKET_BYTES: Final = 1100
"""On the line: 768 bytes in the console's base64, ten bits each, and what an adapter at USB hesitates meanwhile."""


def at_rate(board: Board, baud: int | None) -> Board:
    """The board with its firmware at that rate, None for the usual one; InputError where it does not offer it."""
    if baud is None:
        return board
    if baud not in board.serial.offered:
        offered = _list(board.serial.offered)
        raise InputError(f"{board.name} offers {offered} baud, not {baud} (serial.rates in its board file)")
    return replace(board, serial=replace(board.serial, baud=baud))


def open_client(port: str, board: Board, *, timeout_s: float = 1.0, attempts: int = 5) -> SmpClient:
    """At the board's rate; UnreachableError names it, and the others, when nothing is ever heard."""
    baud = board.serial.baud
    others = [rate for rate in board.serial.offered if rate != baud]
    other = f", firmware built for another rate is asked with --baud {_list(others)}" if others else ""
    hint = f"nothing came at {baud} baud{other}; {_FLASHED}"
    wire = SerialWire(port, baud)
    return SmpClient(wire, timeout_s=timeout_s, attempts=attempts, packet_s=packet_s(baud), hint=hint)


def open_any_client(port: str, baud: int | None) -> SmpClient:
    """As :func:`open_client` where the board is not known, at the usual rate unless another is said."""
    rate = BAUD_RATE if baud is None else baud
    other = "firmware built for another rate is asked with --baud RATE (nasc-sdk boards lists them)"
    hint = f"nothing came at {rate} baud, {other}; {_FLASHED}"
    return SmpClient(SerialWire(port, rate), packet_s=packet_s(rate), hint=hint)


def packet_s(baud: int) -> float:
    """What the longest packet takes at that rate."""
    return 10 * _LONGEST_PACKET_BYTES / baud


def _list(rates: Sequence[int]) -> str:
    return " or ".join(map(str, rates))
