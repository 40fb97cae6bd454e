"""Which boards are tested: every emulated one, or with --board and --port a real one."""

from __future__ import annotations

import shutil

import pytest
from tests.conftest import pytest_runtest_makereport

from nasc_sdk.mcu.boards import find_board, load_boards
from nasc_sdk.mcu.session import open_session

__all__ = ["pytest_runtest_makereport"]


def pytest_addoption(parser):
    parser.addoption("--board", help="one of nasc-sdk boards  [default: every emulated one]")
    parser.addoption("--port", default="", help="the serial port of --board  [default: emulate it]")
    parser.addoption("--heads", type=int, default=3, help="random heads of each search space")


def pytest_generate_tests(metafunc):
    if "board_name" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("board", None)
    names = [chosen] if chosen else [name for name, board in load_boards().items() if board.emulator is not None]
    metafunc.parametrize("board_name", names, scope="module")


@pytest.fixture(scope="module")
def board(board_name, pytestconfig):
    board = find_board(board_name)
    if not pytestconfig.getoption("port"):
        for tool in (board.build.compiler, board.emulator.command):
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")
    return board


@pytest.fixture(scope="module")
def session(board, pytestconfig):
    with open_session(board, pytestconfig.getoption("port")) as opened:
        yield opened
