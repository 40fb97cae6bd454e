"""Who plays the board: this machine, or a microcontroller that is emulated, behind a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nasc_sdk.agent.options import Board
from nasc_sdk.errors import InputError
from nasc_sdk.mcu.boards import find_board

_SERIAL_PATIENCE: Final = 10.0
_WORSE: Final = (1.0, 60.0)
_MUCH_WORSE: Final = (0.1, 150.0)


@dataclass(frozen=True, slots=True)
class Player:
    """What the demo has to know of the board."""

    name: str
    machine: Board
    """What the process that speaks for the board keeps to."""
    verb: tuple[str, ...]
    """The process, with its own options."""
    patience: float
    """How many times as long as with heads that come over the network everything may take."""
    worse_link: tuple[float, float]
    """Mbit/s and round trip, ms, over which the first choice of such a board is no longer the best one."""
    simulated: bool
    """Whether its times are counts: then they do not feel what slows this machine."""


def player(name: str, instructions_per_s: float) -> Player:
    """By name: one of :class:`Board`, or an emulated board of ``nasc-sdk boards``; InputError for another."""
    if name in tuple(Board):
        return Player(name, Board(name), ("agent", "--board", name, "--probe-interval-s", "0.25"), 1.0, _WORSE, False)
    board = find_board(name)
    if board.emulator is None:
        raise InputError(f"{name} is not emulated; the demo runs on this machine alone")
    verb = ("bridge", "--board", name, "--instructions-per-s", f"{instructions_per_s:g}")
    return Player(name, Board.THIS_MACHINE, verb, _SERIAL_PATIENCE, _MUCH_WORSE, True)
