"""A profile that is interrupted goes on with what is missing, and ends as one that was not."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import StoppedError, UnreachableError
from nasc_sdk.mcu.clock import Clock
from nasc_sdk.mcu.machine import BoardMachine
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.protocol.messages import Artifact, ProfileRequest
from tests.mcu.plugging import BOARD, NEEDS_TOOLS
from tests.support.tiny_models import conv_chain

pytestmark = NEEDS_TOOLS

CLOCK = Clock(1e8, "simulated")
TICK_US = 1e6 * 1e9 / BOARD.clock_hz / (1 << BOARD.emulator.icount_shift) / CLOCK.counts_per_s
REPEATS, UNITS, DONE = 2, 4, 2
REQUEST = ProfileRequest(request_id="one", plan=Artifact("0" * 64, 1), rounds=REPEATS)
GIVEN = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 4)).astype(np.int8).tobytes()
PLAN = ProfilePlan(
    tuple(
        PlanItem(f"k{n}", f"unit {n}", "8x8x4", conv_chain(1 + n % 2, seed=n), GIVEN, whole=n == UNITS - 1)
        for n in range(UNITS)
    )
)


class CountedRuns(BoardSession):
    runs = 0

    def infer(self, content):
        self.runs += 1
        return super().infer(content)


@pytest.fixture
def session(socket):
    session = CountedRuns(BOARD, lambda: SmpClient(SerialWire(str(socket.name))), emulated=True)
    yield session
    session.close()


def machine(session, tmp_path, clock=CLOCK):
    return BoardMachine(session, clock, "board", tmp_path / "unfinished", nullcontext)


def then(action, at):
    """Progress that does something when so many units are done."""

    def tell(done, total, label):
        if done == at:
            action()

    return tell


def quietly(*_):
    pass


def stop():
    raise StoppedError("asked to")


def same(one, other):
    """To a tick of the board's clock: a run begins anywhere between two of them."""
    for mine, others in zip((*one.blocks, *one.heads), (*other.blocks, *other.heads), strict=True):
        assert (mine.key, mine.output_sha256) == (others.key, others.output_sha256)
        assert mine.timing.median == pytest.approx(others.timing.median, abs=1.5 * TICK_US)
    return True


def test_a_board_that_is_unplugged_in_the_middle(session, socket, tmp_path):
    whole = machine(session, tmp_path).profile(PLAN, REQUEST, quietly)
    session.runs = 0
    with pytest.raises(UnreachableError, match=f"{DONE} of {UNITS} units are kept: the profile goes on there"):
        machine(session, tmp_path).profile(PLAN, REQUEST, then(socket.unplug, DONE))
    assert session.runs == DONE * REPEATS
    socket.plug_in()
    session.runs = 0
    # Another process of the bridge would find the same files.
    resumed = machine(session, tmp_path).profile(PLAN, REQUEST, quietly)
    assert session.runs == (UNITS - DONE) * REPEATS
    note = f"{DONE} of {UNITS} units were measured before an interruption"
    assert resumed.notes == (CLOCK.label, note)
    assert len(resumed.blocks) + len(resumed.heads) == UNITS
    assert same(resumed, whole)


def test_after_the_end_everything_is_measured_anew(session, tmp_path):
    first = machine(session, tmp_path).profile(PLAN, REQUEST, quietly)
    again = machine(session, tmp_path).profile(PLAN, REQUEST, quietly)
    assert session.runs == 2 * UNITS * REPEATS
    assert same(first, again)


@pytest.mark.parametrize("other", ["clock", "rounds", "input", "damaged"])
def test_what_was_measured_otherwise_does_not_count(session, tmp_path, other):
    with pytest.raises(StoppedError):
        machine(session, tmp_path).profile(PLAN, REQUEST, then(stop, DONE))
    assert session.runs == DONE * REPEATS
    clock, request, plan = CLOCK, REQUEST, PLAN
    match other:
        case "clock":
            clock = Clock(2e8, "simulated")
        case "rounds":
            request = ProfileRequest(request_id="two", plan=REQUEST.plan, rounds=REPEATS + 1)
        case "input":
            plan = ProfilePlan(tuple(replace(item, input=bytes(len(GIVEN))) for item in PLAN.items))
        case "damaged":
            for kept in (tmp_path / "unfinished").iterdir():
                kept.write_bytes(kept.read_bytes()[:-9])
    session.runs = 0
    machine(session, tmp_path, clock).profile(plan, request, quietly)
    assert session.runs == UNITS * min(request.rounds, 3)
    assert not list((tmp_path / "unfinished").iterdir())


def test_an_upload_is_stopped_in_the_middle(session, tmp_path):
    calls = []

    def tell(done, total, label):
        calls.append(done)
        if calls.count(DONE) == 2:  # at its beginning, and as soon as the board has some of it
            stop()

    with pytest.raises(StoppedError):
        machine(session, tmp_path).profile(PLAN, REQUEST, tell)
    assert session.runs == DONE * REPEATS
    whole = machine(session, tmp_path).profile(PLAN, REQUEST, quietly)
    assert session.runs == UNITS * REPEATS
    assert len(whole.blocks) == UNITS - 1
