"""Tables of a space that is never listed hold the best that looking at every network finds."""

import itertools
from functools import lru_cache

import numpy as np
import pytest

from nasc_sdk.candidate import CutEncoding
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.link.link import Link
from nasc_search.accuracy.table import TableSource
from nasc_search.joint.aim import Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from nasc_search.joint.explain import explain
from nasc_search.layered.pool import pool_archs, pool_catalogue
from nasc_search.layered.shortlist import Wanted
from nasc_search.service.planner import Planner
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from tests.layered.test_costs import cost_model

OPS = "038"


class Narrow(FBNetSpace):
    """Three operators a layer, so that every network can be looked at; the others are not taken."""

    def layer(self, index, choice):
        if str(choice) not in OPS:
            raise InputError("not taken")
        return super().layer(index, choice)

    def sample(self, rng):
        return "".join(rng.choice(list(OPS), len(self.layers)).tolist())

    def covering_archs(self):
        return tuple(op * len(self.layers) for op in OPS)


SPACE = Narrow(FBNetMacro(TensorSpec(16, 12, 3), 4, 0.5, (1, 2, 2, 1, 0, 0, 0)))
EVERY = tuple(map("".join, itertools.product(OPS, repeat=6)))
LINK = Link.fixed(60.0, 0.05)
VARYING = Link((30.0, 40.0, 10.0), (0.05, 0.02, 0.1), 0.0)
BOARD, SERVER = cost_model(0, 20.0, SPACE), cost_model(1, 7.0, SPACE, 0.1)


def accuracy(arch):
    """More work and fewer skips are better, and two layers help each other."""
    work = np.log(macs(SPACE.network(arch)))
    return float(np.clip(0.2 * work - 2.0 - 0.01 * arch.count("8") + 0.01 * (arch[0] == arch[2]), 0.05, 0.99))


@lru_cache(maxsize=4)
def planner(*, whole=False, coded=False):
    """With a pool of a few, or of all."""
    evaluated = {arch: accuracy(arch) for arch in np.random.default_rng(0).choice(EVERY, 100, replace=False).tolist()}
    if coded:
        rng = np.random.default_rng(1)
        for arch, bits in zip(tuple(evaluated), itertools.cycle((4, 2)), strict=False):
            cut = int(rng.integers(1, 8))
            evaluated[f"{arch} cut {cut} {CutEncoding(bits)}"] = evaluated[arch] - 0.02 / bits
    archs = EVERY if whole else pool_archs(SPACE, evaluated, drawn=20)
    return Planner(SPACE, pool_catalogue(SPACE, archs), evaluated)


@lru_cache(maxsize=2)
def every(*, coded):
    return planner(whole=True, coded=coded).table(BOARD, SERVER)


def chosen(limit_ms, link=LINK, *, whole=False, coded=False, **limits):
    """Of the whole space, or of the shortlist; None where nothing is feasible."""
    constraints = Constraints(limit_ms, **limits)
    wanted = Wanted(constraints, (link,))
    table = every(coded=coded) if whole else planner(coded=coded).table(BOARD, SERVER, wanted=wanted)
    try:
        return search(table, link, constraints)
    except InfeasibleError:
        return None


LIMITS = ({}, {"flash_bytes": 9_000}, {"flash_bytes": 2_000}, {"arena_bytes": 14_000}, {"raw_input_stays": False},
          {"max_server_ms": 0.12})  # fmt: skip
STATES = ((0.3, LINK), (0.45, LINK), (0.7, LINK), (0.7, VARYING))


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("limits", LIMITS, ids=lambda limits: " ".join(map(str, limits)) or "free")
def test_the_shortlist_holds_what_the_whole_space_would_choose(limits, coded):
    behind = []
    for limit_ms, link in STATES:
        best = chosen(limit_ms, link, whole=True, coded=coded, **limits)
        found = chosen(limit_ms, link, coded=coded, **limits)
        assert (found is None) == (best is None)
        if found is not None:
            assert found.chosen.accuracy <= best.chosen.accuracy + 1e-12
            behind.append(best.chosen.accuracy - found.chosen.accuracy)
            assert found.all_local.feasible == best.all_local.feasible
    assert behind
    assert np.median(behind) < 1e-9
    assert max(behind) < 0.003


@pytest.mark.parametrize("limit_ms", [None, 0.7])
@pytest.mark.parametrize("floor", [0.0, 0.6, 0.8])
def test_the_shortlist_holds_the_fastest_that_is_accurate_enough(floor, limit_ms):
    aim = Aim(Objective.LATENCY, floor)
    best, found = (chosen(limit_ms, whole=whole, aim=aim).chosen for whole in (True, False))
    assert found.limited_ms == pytest.approx(best.limited_ms, rel=0.02)


GOALS = (
    Constraints(None, aim=Aim(Objective.LATENCY, 0.75)),
    Constraints(None, aim=Aim(Objective.LATENCY, 0.85), raw_input_stays=False),
    Constraints(2.0, aim=Aim(Objective.ENERGY, 0.7)),
    Constraints(0.7, max_server_ms=0.02),
)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.aim.objective} {goal.max_server_ms:g}")
def test_other_goals_find_nearly_what_the_whole_space_has(goal):
    """Least latency and least energy are listed for, not optimised by sums: within a few hundredths."""
    best = search(every(coded=False), LINK, goal).chosen
    found = search(planner().table(BOARD, SERVER, wanted=Wanted(goal, (LINK,))), LINK, goal).chosen
    assert found.limited_ms <= 1.03 * best.limited_ms or goal.aim.objective is not Objective.LATENCY
    assert found.energy_mj <= 1.03 * best.energy_mj or goal.aim.objective is not Objective.ENERGY
    assert found.accuracy > best.accuracy - 0.003 or goal.aim.saves


def test_the_answer_says_what_was_enumerated_and_the_gap():
    decision = chosen(0.45)
    found = decision.shortlist
    assert found.networks == 729
    assert 0 < found.here < 200
    assert found.gap(decision.chosen.candidate) == found.most - found.sums.accuracy(decision.chosen.candidate) >= 0
    told = explain(decision)
    assert "7.3e+02 architectures were searched exactly by sums over their layers" in told
    assert f"{100 * found.gap(decision.chosen.candidate):.2f} points less than the most" in told


def test_what_is_named_or_was_evaluated_is_in_the_table():
    one, other = "330088", "003388"
    plans = Planner(SPACE, planner().catalogue, {arch: accuracy(arch) for arch in EVERY[::9]} | {"a cell": 0.5})
    before = plans.table(BOARD, SERVER)
    assert {one, other}.isdisjoint(before.archs)
    plans.add({other: 0.123})
    table = plans.table(BOARD, SERVER, wanted=Wanted(Constraints(1.0), archs=(one, "no architecture")))
    assert one in table.index_of
    assert table.accuracy[table.index_of[other], -1, 0] == 0.123
    assert table.evaluated[table.index_of[other], -1, 0]


def test_of_a_tables_rows_alone_are_candidates():
    """The pool's random networks are not among them, nor is what the sums would list."""
    rows = {arch: accuracy(arch) for arch in EVERY[::7]}
    evaluated = {arch: 0.5 * accuracy(arch) for arch in EVERY[::5]}
    pool = pool_catalogue(SPACE, pool_archs(SPACE, evaluated, drawn=20))
    told = Planner(SPACE, pool, evaluated, outside=TableSource("table t.npz:k", rows))
    wanted = Wanted(Constraints(0.6), (LINK,))
    table = told.table(BOARD, SERVER, wanted=wanted)
    assert set(table.archs) == set(rows)
    assert {arch: table.accuracy[row, 0, 0] for arch, row in table.index_of.items()} == rows
    assert search(table, LINK, wanted.constraints).chosen.told_by == "table t.npz:k"
    assert f"accuracies of {len(rows)} architectures are those of table t.npz:k" in told.report
    assert f"against {len(rows.keys() & evaluated)} sub-networks" in told.report
