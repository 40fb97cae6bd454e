"""Plans hold what the design asked for, as models that run."""

from collections import Counter
from functools import cached_property

import numpy as np
import pytest

from nasc_sdk.profiling.plan import ProfilePlan
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.calibrate.design import Coverage, profile_design
from nasc_search.export.forms import Form
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.service.plans import make_plans
from nasc_search.service.workshop import Workshop
from nasc_search.spaces.nb201 import NB201Space
from nasc_search.supernet.model import Supernet
from tests.supernet.tasks import SPACE, task


class FewCells(NB201Space):
    """Every 1,500th connected cell."""

    @cached_property
    def archs(self):
        return SPACE.archs[::1500]


@pytest.fixture(scope="module")
def design():
    return profile_design(build_catalogue(FewCells(SPACE.macro)), 0, Coverage.EVERY, heads=6)


@pytest.fixture(scope="module", params=list(Form))
def plans(request, design):
    told = []
    made = make_plans(Workshop(Supernet(SPACE), task()), design, request.param, lambda *args: told.append(args))
    total = len(design.blocks) + len(design.heads)
    assert [done for done, *_ in told] == list(range(total))
    assert {known for _, known, _ in told} == {total}
    return made


def test_keys_are_the_designs(design, plans):
    board, edge = plans
    blocks = sorted(block.key for block in design.blocks)
    assert sorted(item.key for item in board.items if not item.whole) == blocks
    assert sorted(item.key for item in edge.items if not item.whole) == blocks
    assert [item.key for item in board.items if item.whole] == [head.head_key for head in design.heads]
    assert [item.key for item in edge.items if item.whole] == [head.tail_key for head in design.heads]


def test_every_item_runs(plans):
    runtime = open_runtime()
    for plan, dtype in zip(plans, ("int8", "float32"), strict=True):
        for item in plan.items:
            session = runtime.load(item.model, kernels=Kernels.BUILTIN)
            assert item.dtype == session.inputs[0].dtype == dtype
            given = np.frombuffer(item.input, dtype).reshape(session.inputs[0].shape)
            assert np.isfinite(session.run(given)).all()


def test_plans_travel(plans):
    for plan in plans:
        assert ProfilePlan.unpack(plan.pack()) == plan
        assert len({item.title for item in plan.items if item.whole}) == sum(item.whole for item in plan.items)


def test_plans_bring_cuts_of_every_size_once(design, plans):
    network = SPACE.network(design.heads[0].arch)
    sizes = {network.cut_spec(cut).elements * bits // 8 for cut in range(1, 4) for bits in (8, 4, 2)}
    for plan in plans:
        assert sizes <= set(map(len, plan.payloads))
        assert max(Counter(map(len, plan.payloads)).values()) <= 2
