"""An emulated board at a port that keeps its name while boards are unplugged and plugged in."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest

from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.emulator import EmulatedBoard

BOARD = find_board("mps2-an386")
MISSING = next((tool for tool in (BOARD.build.compiler, BOARD.emulator.command) if shutil.which(tool) is None), "")
NEEDS_TOOLS = [
    pytest.mark.system,
    pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed"),
]


class Socket:
    """A port that keeps its name when another board is plugged in."""

    def __init__(self, folder, firmware):
        self._firmware = firmware
        self._plugged = ExitStack()
        self.name = folder / "port"

    def plug_in(self):
        self.machine = self._plugged.enter_context(EmulatedBoard(BOARD, self._firmware))
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(self.machine.port)

    def unplug(self):
        self.machine.stop()

    def close(self):
        self._plugged.close()
