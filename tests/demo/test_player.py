"""Who plays the board of a demo."""

from __future__ import annotations

import pytest

from nasc_sdk.agent.options import Board
from nasc_sdk.errors import InputError
from nasc_search.demo.player import player


@pytest.mark.parametrize("board", Board)
def test_this_machine_plays_with_an_agent(board):
    found = player(board.value, 1e8)
    assert found.machine is board
    assert found.verb[:3] == ("agent", "--board", board.value)
    assert not found.simulated


def test_an_emulated_microcontroller_plays_behind_a_bridge():
    found = player("mps2-an386", 25e6)
    assert found.verb == ("bridge", "--board", "mps2-an386", "--instructions-per-s", "2.5e+07")
    assert found.simulated
    assert found.patience > 1


def test_a_board_of_metal_cannot_play():
    with pytest.raises(InputError, match="not emulated"):
        player("nucleo-f446re", 1e8)


def test_a_board_that_nobody_knows():
    with pytest.raises(InputError, match="no board 'toaster'; known are"):
        player("toaster", 1e8)
