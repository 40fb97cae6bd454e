"""Two slots: a new split head takes that of the old one, the fallback stays on the board."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from nasc_sdk.agent.install import Installer
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.bundle import sha256
from nasc_sdk.errors import RefusedError
from nasc_sdk.mcu.clock import Clock
from nasc_sdk.mcu.machine import BoardMachine
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.mcu.smp_messages import SlotState
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.protocol.messages import Artifact, ProfileRequest
from tests.agent.heads import CHANNELS, SIZE, head_bundle, wrong_golden
from tests.mcu.plugging import BOARD, NEEDS_TOOLS
from tests.support.tiny_models import conv_chain

pytestmark = NEEDS_TOOLS

SPLITS = [head_bundle(seed, cut=2).pack() for seed in range(3)]
FALLBACK, OTHER = (head_bundle(seed, cut=4).pack() for seed in (7, 8))
WRONG = wrong_golden(9).pack()
COMMITTED = (SlotState.ACTIVE, SlotState.PREVIOUS)
GIVEN = np.zeros((1, SIZE, SIZE, CHANNELS), np.int8)


class Counting(SmpClient):
    """Counts what writes the board's flash."""

    uploads = reverts = 0

    def upload(self, plan, progress=None):
        self.uploads += 1
        return super().upload(plan, progress)

    def revert(self):
        self.reverts += 1
        super().revert()


@pytest.fixture
def client(socket):
    return Counting(SerialWire(str(socket.name)))


@pytest.fixture
def machine(client, tmp_path):
    session = BoardSession(BOARD, lambda: client, emulated=True)
    yield BoardMachine(session, Clock(1e8, "simulated"), "board", tmp_path / "unfinished", nullcontext)
    session.close()


@pytest.fixture
def installer(machine, tmp_path):
    return Installer(HeadStore(tmp_path / "state"), machine)


def committed(client):
    return {slot.sha256 for slot in client.slots() if slot.state in COMMITTED}


def on_board(*heads):
    return {head.session.compiled.sha256 for head in heads}


def run(machine, *heads):
    for head in heads:
        machine.run(head.session, GIVEN)


def test_a_new_split_head_takes_the_slot_of_the_old_one(installer, machine, client):
    for version, split in enumerate(SPLITS, start=1):
        heads = installer.install(version, [split, FALLBACK])
        run(machine, *heads, *heads)
        assert committed(client) == on_board(*heads)
        # The first time both.
        assert client.uploads == version + 1
    assert client.reverts == len(SPLITS) - 2, "one erase of a record each time that the fallback is not active"


def test_the_same_after_a_reset_and_in_the_next_process(installer, machine, client, tmp_path):
    installer.install(1, [SPLITS[0], FALLBACK])
    machine._session.reset()
    again = BoardMachine(machine._session, Clock(1e8, "simulated"), "board", tmp_path / "unfinished", nullcontext)
    next_one = Installer(HeadStore(tmp_path / "state"), again)
    run(again, *next_one.restore())
    assert (client.uploads, client.reverts) == (2, 0), "both were there"
    run(again, *next_one.install(2, [SPLITS[1], FALLBACK]))
    run(again, *next_one.install(3, [SPLITS[2], FALLBACK]))
    assert client.uploads == 4


def test_what_is_replaced_is_refused_while_that_lasts(installer, machine, client):
    old, fallback = installer.install(1, [SPLITS[0], FALLBACK])
    told = []

    def switch(heads):
        if not told:
            run(machine, fallback)
            with pytest.raises(RefusedError, match="being replaced") as refused:
                run(machine, old)
            told.append(refused.value.code)

    run(machine, *installer.install(2, [SPLITS[1], FALLBACK], switch))
    assert told == ["being_replaced"]
    assert client.uploads == 3


def test_an_installation_that_fails_costs_the_old_split_head_an_upload_and_the_fallback_none(
    installer, machine, client
):
    heads = installer.install(1, [SPLITS[0], FALLBACK])
    with pytest.raises(RefusedError, match="golden"):
        installer.install(2, [WRONG, FALLBACK])
    assert client.uploads == 3
    run(machine, heads[1])
    assert client.uploads == 3
    run(machine, *heads, *heads)
    assert client.uploads == 4
    assert committed(client) == on_board(*heads)


def test_where_all_heads_change_nobody_is_refused(installer, machine):
    old = installer.install(1, [SPLITS[0], FALLBACK])
    told = []

    def switch(heads):
        run(machine, *old)
        told.append(heads)

    run(machine, *installer.install(2, [SPLITS[1], OTHER], switch))
    assert len(told) == 1


def test_units_of_a_profile_spare_the_head_that_serves(installer, machine, client):
    split, fallback = installer.install(1, [SPLITS[0], FALLBACK])
    run(machine, fallback, split)
    units, before = 3, client.uploads
    given = np.zeros((1, 8, 8, 4), np.int8).tobytes()
    items = tuple(PlanItem(f"k{n}", f"unit {n}", "8x8x4", conv_chain(1, seed=20 + n), given) for n in range(units))
    request = ProfileRequest(request_id="one", plan=Artifact(sha256(b""), 1), rounds=1)
    machine.profile(ProfilePlan(items), request, lambda *_: run(machine, split))
    # Once more at the end, the fallback's own.
    assert client.uploads == before + units + 1
    assert committed(client) == on_board(split, fallback)
