"""What a request takes on a board's serial line is measured with its profile, and predicted from it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from nasc_sdk.cost.coding import Step, parse_unit_key
from nasc_sdk.cost.features import head_key
from nasc_sdk.link.link import Link
from nasc_sdk.mcu.clock import Clock
from nasc_sdk.mcu.machine import BoardMachine
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.profiling.table import format_profile
from nasc_sdk.protocol.messages import Artifact, ProfileRequest, Role
from nasc_search.calibrate.design import Design, DesignHead
from nasc_search.calibrate.fit import fit
from nasc_search.export.forms import Form
from nasc_search.joint.build import build_table
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.scored import score
from nasc_search.service.plans import make_plans
from nasc_search.service.workshop import Workshop
from nasc_search.spaces.nb201 import NB201Space
from nasc_search.supernet.model import Supernet
from tests.mcu.paced import PacedWire
from tests.mcu.plugging import BOARD, NEEDS_TOOLS
from tests.supernet.tasks import SPACE, task

pytestmark = NEEDS_TOOLS

QUICK = Clock(1e12, "")
"""Computing takes next to nothing: by the line's clock it takes nothing."""
REQUEST = ProfileRequest(request_id="one", plan=Artifact("0" * 64, 1))
CELL = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
CUTS = (1, len(SPACE.network(CELL).blocks))


class OneCell(NB201Space):
    archs = (CELL,)


def told(*_):
    """Nobody wants to know."""


@pytest.fixture(scope="module")
def plan():
    network = SPACE.network(CELL)
    heads = tuple(DesignHead(CELL, cut, head_key(network.blocks[:cut]), "none") for cut in CUTS)
    shop = Workshop(Supernet(SPACE), task())
    return make_plans(shop, Design((), heads, 0), Form.BUILTIN, told, (Role.BOARD,), coding=False)[0]


@pytest.fixture
def machine(tmp_path, socket):
    wire = PacedWire(str(socket.name))
    session = BoardSession(BOARD, lambda: SmpClient(wire), emulated=False)
    yield BoardMachine(session, QUICK, "board", tmp_path / "unfinished", nullcontext, now_s=wire.now_s)
    session.close()


def test_the_predicted_total_of_a_board_behind_a_slow_line(machine, plan):
    heads = [machine.load(item.model, item.title) for item in plan.items]
    profile = machine.profile(plan, REQUEST, told)
    sizes = [len(item.input) + head.outputs[0].nbytes for item, head in zip(plan.items, heads, strict=True)]
    assert [parse_unit_key(step.key) for step in profile.coding] == [(Step.LINE, size) for size in sorted(sizes)]
    assert "serial line" in format_profile(profile)
    catalogue = build_catalogue(OneCell(SPACE.macro))
    model, _ = fit(profile)
    table = build_table(catalogue, model, model, np.ones(1))
    given = np.frombuffer(plan.items[0].input, np.int8).reshape(heads[0].inputs[0].shape)
    for cut, head, size in zip(CUTS, heads, sizes, strict=True):
        measured_ms = median(machine.run(head, given)[1] for _ in range(3))
        predicted = score(table, Link.fixed(1.0, 0.0), Constraints(1e6), 0, cut, 0)
        assert predicted.line_ms[0] > 1e4 * size / PacedWire.baud
        assert predicted.head_ms[0] == pytest.approx(measured_ms, rel=0.05)
    assert predicted.total_ms[0] == predicted.head_ms[0]
    without, _ = fit(replace(profile, coding=()))
    alone = score(build_table(catalogue, without, model, np.ones(1)), Link.fixed(1.0, 0.0), Constraints(1e6), 0, cut, 0)
    assert alone.line_ms is None
    assert alone.total_ms[0] < 0.1 * measured_ms


def test_an_emulated_boards_line_takes_nothing(machine, plan):
    machine._clock = Clock(1e8, "simulated")
    assert machine.profile(plan, REQUEST, told).coding == ()
