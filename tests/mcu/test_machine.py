"""A microcontroller as the agent's machine: resets, a board that is plugged in again, heads in turns."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.clock import Clock, clock_of
from nasc_sdk.mcu.machine import BoardMachine
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.mcu.plugging import BOARD, NEEDS_TOOLS
from tests.support.tiny_models import conv_chain

pytestmark = NEEDS_TOOLS

MODELS = [conv_chain(1, seed=seed) for seed in range(3)]
CLOCK = Clock(1e8, "simulated")
IMAGE = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 4)).astype(np.int8)


@pytest.fixture
def session(socket):
    session = BoardSession(BOARD, lambda: SmpClient(SerialWire(str(socket.name))), emulated=True)
    yield session
    session.close()


@pytest.fixture
def machine(session, tmp_path):
    return BoardMachine(session, CLOCK, "board", tmp_path / "unfinished", nullcontext)


def expected(model):
    return open_runtime("auto").load(model, kernels=Kernels.REFERENCE).run(IMAGE)


def test_more_heads_than_slots_run_in_turns(machine):
    heads = [machine.load(model, str(number)) for number, model in enumerate(MODELS)]
    for head, model in [*zip(heads, MODELS, strict=True)] * 2:
        output, ms = machine.run(head, IMAGE)
        np.testing.assert_array_equal(output, expected(model))
        assert 0 < ms < 10


def test_a_reset_between_two_runs_goes_unnoticed(machine, session):
    first, second = (machine.load(model, "head") for model in MODELS[:2])
    machine.run(first, IMAGE)
    session.reset()
    np.testing.assert_array_equal(machine.run(first, IMAGE)[0], expected(MODELS[0]))
    np.testing.assert_array_equal(machine.run(second, IMAGE)[0], expected(MODELS[1]))


def test_a_board_that_is_plugged_in_again_goes_on(machine, socket):
    head = machine.load(MODELS[0], "head")
    socket.unplug()
    with pytest.raises(UnreachableError):
        machine.run(head, IMAGE)
    socket.plug_in()
    np.testing.assert_array_equal(machine.run(head, IMAGE)[0], expected(MODELS[0]))


class Client(SmpClient):
    """Tells an id, which emulated boards have none of, and counts what writes the board's flash."""

    unique_id, uploads = "first", 0

    def hello(self):
        return replace(super().hello(), unique_id=self.unique_id)

    def upload(self, plan, progress=None):
        Client.uploads += 1
        return super().upload(plan, progress)


def test_another_board_of_the_kind_is_refused_for_good_and_the_own_one_goes_on(socket, tmp_path, monkeypatch):
    session = BoardSession(BOARD, lambda: Client(SerialWire(str(socket.name))), emulated=True)
    machine = BoardMachine(session, CLOCK, "board", tmp_path / "unfinished", nullcontext)
    head = machine.load(MODELS[0], "head")
    socket.unplug()
    socket.plug_in()
    monkeypatch.setattr(Client, "unique_id", "second")
    monkeypatch.setattr(Client, "uploads", 0)
    for _ in range(3):
        with pytest.raises(RefusedError, match="another mps2-an386 is at the port"):
            machine.run(head, IMAGE)
    assert Client.uploads == 0
    monkeypatch.setattr(Client, "unique_id", "first")
    np.testing.assert_array_equal(machine.run(head, IMAGE)[0], expected(MODELS[0]))
    session.close()


def test_a_port_where_another_board_answers_is_let_go_of(socket):
    kept = []  # with what its frames hold
    for _ in range(2):
        with pytest.raises(RefusedError, match="firmware of mps2-an386, not of mps2-an385") as refused:
            BoardSession(find_board("mps2-an385"), lambda: SmpClient(SerialWire(str(socket.name))), emulated=True)
        kept.append(refused)


def test_an_emulated_board_has_no_clock_unless_somebody_assumes_one(session):
    with pytest.raises(InputError, match="say how many a second are to be assumed"):
        clock_of(session)
    assert clock_of(session, 2e6).seconds(1e6) == 0.5
