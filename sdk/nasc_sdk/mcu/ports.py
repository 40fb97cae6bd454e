"""Which serial port is the board's: given, the one attached, or the one that appears after a reset."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from nasc_sdk.errors import InputError, UnreachableError
from nasc_sdk.mcu.boards import Board
from nasc_sdk.mcu.detect import Attached, detect
from nasc_sdk.mcu.flashers.step import Job

APPEAR_TIMEOUT_S: Final = 15.0
_POLL_S: Final = 0.3


def find_port(board: Board, boards: Mapping[str, Board], *, may_appear: bool = False) -> str:
    """The one port with such a board; InputError, which names what is attached, for several, and for none.

    Empty for none where it ``may_appear`` with the firmware.
    """
    attached = detect({**boards, board.name: board})
    found = _ports_of(board, attached)
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"several ports may be {board.name}: {', '.join(found)}; say which with --port")
    if may_appear:
        return ""
    others = ", ".join(f"{one.port} ({', '.join(one.boards) or one.usb_id})" for one in attached)
    known = ", ".join(board.usb.ids)
    how = f"a USB port with the id {known}" if known else "its board file names no USB id"
    raise InputError(
        f"no {board.name} is attached: looked for {how}; "
        f"attached are {others or 'no USB serial ports'}; plug it in, or give --port"
    )


@contextmanager
def port_after_reset(job: Job) -> Iterator[str]:
    """Where the firmware speaks: the job's port, or the one that shows within a bounded time."""
    if job.port:
        yield job.port
        return
    deadline_s = time.monotonic() + APPEAR_TIMEOUT_S
    while not (found := _ports_of(job.board, detect({job.board.name: job.board}))):
        if time.monotonic() >= deadline_s:
            raise UnreachableError(
                job.board.name,
                f"it is flashed, but no serial port of it appeared within {APPEAR_TIMEOUT_S:.0f} s; "
                "give the port that its firmware speaks on with --port",
            )
        time.sleep(_POLL_S)
    if len(found) > 1:
        raise InputError(f"it is flashed, but several ports may be {job.board.name}: {', '.join(found)}; give --port")
    yield found[0]


def _ports_of(board: Board, attached: tuple[Attached, ...]) -> list[str]:
    return [one.port for one in attached if board.name in one.boards]
