"""One firmware for all tests that plug an emulated board in."""

from __future__ import annotations

import pytest

from nasc_sdk.mcu.build import build
from tests.mcu.plugging import BOARD, Socket


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    return build(BOARD, tmp_path_factory.mktemp("firmware")).elf


@pytest.fixture
def socket(tmp_path, firmware):
    socket = Socket(tmp_path, firmware)
    socket.plug_in()
    yield socket
    socket.close()
