"""Which boards are tested: every emulated one, or with --board and --port a real one."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
from tests.conftest import pytest_runtest_makereport, pytest_xdist_make_scheduler

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.boards import find_board, load_boards
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.emulator import EmulatedBoard
from nasc_sdk.mcu.rates import at_rate
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import BoardSession, open_session
from nasc_sdk.mcu.smp_client import SmpClient

__all__ = ["pytest_runtest_makereport", "pytest_xdist_make_scheduler"]


def pytest_addoption(parser):
    parser.addoption("--board", help="one of nasc-sdk boards  [default: every emulated one]")
    parser.addoption("--port", default="", help="the serial port of --board  [default: emulate it]")
    parser.addoption("--baud", type=int, help="what its firmware was built for  [default: its board file's]")
    parser.addoption("--heads", type=int, default=2, help="random heads of each search space")


def pytest_configure(config):
    chosen = config.getoption("board", None)
    if chosen is None or config.getoption("port", ""):
        return
    try:
        emulated = find_board(chosen).emulator is not None
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    if not emulated:
        raise pytest.UsageError(f"{chosen} is not emulated: say with --port where it is")


def pytest_generate_tests(metafunc):
    if "board_name" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("board", None)
    names = [chosen] if chosen else [name for name, board in load_boards().items() if board.emulator is not None]
    metafunc.parametrize("board_name", names, scope="module")


@pytest.fixture(scope="module")
def board(board_name, pytestconfig):
    board = at_rate(find_board(board_name), pytestconfig.getoption("baud"))
    if not pytestconfig.getoption("port"):
        for tool in (board.build.compiler, board.emulator.command):
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")
    return board


@pytest.fixture(scope="module")
def plug_in(board, pytestconfig, tmp_path_factory):
    """A function that gives a session with a board that starts now, and the machine where it is emulated."""
    firmware = None

    @contextmanager
    def start():
        nonlocal firmware
        firmware = firmware or build(board, tmp_path_factory.mktemp("firmware")).elf
        with EmulatedBoard(board, firmware) as machine:
            session = BoardSession(board, lambda: SmpClient(SerialWire(machine.port)), emulated=True)
            try:
                yield machine, session
            finally:
                session.close()

    return start


@pytest.fixture(scope="module")
def session(board, pytestconfig, plug_in):
    if port := pytestconfig.getoption("port"):
        with open_session(board, port) as opened:
            yield opened
    else:
        with plug_in() as (_, opened):
            yield opened
