"""What every flasher can do, which one a board takes, and the run of a plan up to the firmware's hello."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol, assert_never

from nasc_sdk.errors import UnreachableError
from nasc_sdk.mcu.boards import Board, Tool
from nasc_sdk.mcu.flashers.dfu_util import DfuUtil
from nasc_sdk.mcu.flashers.emulator import EmulatorFlasher
from nasc_sdk.mcu.flashers.esptool import Esptool
from nasc_sdk.mcu.flashers.openocd import Openocd
from nasc_sdk.mcu.flashers.pyocd import Pyocd
from nasc_sdk.mcu.flashers.step import Job, PortNeed, Step
from nasc_sdk.mcu.flashers.stm32flash import Stm32flash
from nasc_sdk.mcu.flashers.uf2 import Uf2
from nasc_sdk.mcu.rates import open_client
from nasc_sdk.mcu.smp_messages import Hello

HELLO_TIMEOUT_S: Final = 15.0
_ASK_TIMEOUT_S: Final = 0.5
_PAUSE_S: Final = 0.2


class Flasher(Protocol):
    """One way onto a board."""

    @property
    def port_need(self) -> PortNeed:
        """When its serial port must be known."""

    def require(self) -> None:
        """Raises MissingToolError, which says what to install."""

    def plan(self, job: Job) -> tuple[Step, ...]:
        """What will be done; touches nothing. InputError for what cannot be."""

    def perform(self, job: Job, step: Step) -> None:
        """Do one step of the plan; FlashError, StorageError, UnreachableError."""

    def running(self, job: Job) -> AbstractContextManager[str]:
        """The serial port at which the flashed firmware speaks, within the block."""


def flasher_of(tool: Tool) -> Flasher:
    """The one for a tool."""
    match tool:
        case Tool.EMULATOR:
            return EmulatorFlasher()
        case Tool.ESPTOOL:
            return Esptool()
        case Tool.STM32FLASH:
            return Stm32flash()
        case Tool.PYOCD:
            return Pyocd()
        case Tool.OPENOCD:
            return Openocd()
        case Tool.DFU_UTIL:
            return DfuUtil()
        case Tool.UF2:
            return Uf2()
        case _:
            assert_never(tool)


def run_plan(job: Job, tell: Callable[[Step], None] = lambda step: None) -> Hello:
    """Write, verify, reset, and what the board then says that it is; ``tell`` hears each step before it is done."""
    flasher = flasher_of(job.board.flash.tool)
    for step in flasher.plan(job):
        tell(step)
        flasher.perform(job, step)
    with flasher.running(job) as port:
        return wait_for_hello(job.board, port)


def wait_for_hello(board: Board, port: str, timeout_s: float = HELLO_TIMEOUT_S) -> Hello:
    """Ask until the board answers; UnreachableError after the timeout, RefusedError when it is another board."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            return _ask(board, port)
        except UnreachableError as error:
            if time.monotonic() >= deadline_s:
                raise UnreachableError(
                    port,
                    f"it is flashed, but its firmware says no hello within {timeout_s:.0f} s ({error.reason}); "
                    "press its reset button, and check that this is the port that its firmware speaks on",
                ) from error
            time.sleep(_PAUSE_S)


def _ask(board: Board, port: str) -> Hello:
    client = open_client(port, board, timeout_s=_ASK_TIMEOUT_S, attempts=2)
    try:
        return client.hello_of(board.name)
    finally:
        client.close()
