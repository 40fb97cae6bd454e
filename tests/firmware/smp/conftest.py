import pytest

from tests.firmware.smp.board import Board
from tests.firmware.smp.building import build


@pytest.fixture(scope="session")
def server_program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("smp_server"), "server")


@pytest.fixture
def board(server_program):
    with Board(server_program) as board:
        yield board
