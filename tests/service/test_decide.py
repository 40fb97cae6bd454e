"""Deciding: the winner's accuracy was measured, not predicted."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InfeasibleError
from nasc_sdk.link.link import Link
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.joint.aim import FLOOR_BELOW, Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search, search_nearest
from nasc_search.service.decide import HEADROOM, MARGIN, decide, decide_at_once, neighbourhood, winners
from tests.joint.tables import random_table

LINK = Link.fixed(50.0, 1.0)
GOAL = Constraints(40.0)
SAVING_GOAL = Constraints(40.0, aim=Aim(Objective.ENERGY))


def by_arch(real):
    """Of plain candidates, whose key is the architecture."""
    return lambda candidate: real[accuracy_key(candidate)]


def truth(table, seed):
    values = np.random.default_rng(seed).uniform(0.3, 0.9, len(table.archs))
    return dict(zip(table.archs, values.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("count", [1, 3])
def test_the_winner_is_evaluated(seed, count):
    table = random_table(np.random.default_rng(seed))
    real = truth(table, seed)
    planned = decide(table, LINK, GOAL, by_arch(real), count)
    chosen = planned.decision.chosen
    assert chosen.evaluated
    assert chosen.accuracy == real[chosen.candidate.arch]
    assert chosen.accuracy == max(planned.evaluated.values())
    assert all(planned.table.evaluated[table.index_of[arch]].all() for arch in planned.evaluated)


def test_no_architecture_is_evaluated_twice():
    table, asked = random_table(np.random.default_rng(1)), []
    decide(table, LINK, GOAL, lambda candidate: asked.append(candidate.arch) or 0.0)
    assert len(asked) == len(set(asked)) <= 12


def test_what_is_known_is_not_evaluated():
    table = random_table(np.random.default_rng(2))
    table = table.with_accuracy(truth(table, 2))
    planned = decide(table, LINK, GOAL, lambda arch: pytest.fail("known already"))
    assert planned.evaluated == {}
    assert planned.decision.chosen == search(table, LINK, GOAL).chosen


def test_a_predictor_that_promises_too_much_does_not_win():
    """Every evaluation disappoints, for more rounds than there are: the best real one is taken."""
    table = random_table(np.random.default_rng(3), archs=60, levels=2)
    real = {arch: 0.001 * (index + 1) for index, arch in enumerate(table.archs)}
    planned = decide(table, LINK, GOAL, by_arch(real))
    assert planned.decision.chosen.evaluated
    assert planned.decision.chosen.accuracy == max(planned.evaluated.values())


def test_nothing_feasible_evaluates_nothing():
    table = random_table(np.random.default_rng(4))
    with pytest.raises(InfeasibleError):
        decide(table, Link.fixed(0.1, 500.0), Constraints(0.001), lambda arch: pytest.fail("no finalist"))


def known_table(seed):
    table = random_table(np.random.default_rng(seed))
    return table.with_accuracy(truth(table, seed))


def test_at_once_takes_the_best_of_the_evaluated():
    table = random_table(np.random.default_rng(6))
    known = dict(list(truth(table, 6).items())[:5])
    chosen = decide_at_once(table.with_accuracy(known), LINK, GOAL, ()).chosen
    assert chosen.evaluated
    assert chosen.accuracy <= max(known.values())


def test_at_once_prefers_what_is_ready_to_what_is_hardly_better():
    table = known_table(7)
    best = search(table, LINK, GOAL).chosen
    ready = next(arch for arch in table.archs if arch != best.candidate.arch)
    nearly = table.with_accuracy({ready: best.accuracy - 0.5 * MARGIN})
    assert decide_at_once(nearly, LINK, GOAL, ()).chosen.candidate.arch == best.candidate.arch
    assert decide_at_once(nearly, LINK, GOAL, (ready,)).chosen.candidate.arch == ready
    worse = table.with_accuracy({ready: best.accuracy - 2 * MARGIN})
    assert decide_at_once(worse, LINK, GOAL, (ready,)).chosen.candidate.arch == best.candidate.arch


def test_at_once_takes_what_is_not_ready_where_nothing_ready_meets_the_limit():
    table = known_table(8)
    slowest = table.archs[int((table.head_ms[:, -1]).argmax())]
    limit = Constraints(float(0.5 * table.head_ms[:, -1].max()))
    far = Link.fixed(0.001, 1000.0)
    chosen = decide_at_once(table, far, limit, (slowest,)).chosen
    assert chosen.candidate.arch != slowest
    assert chosen.accuracy > 0


def test_at_once_leaves_some_of_the_limit_unused_where_it_can():
    table = known_table(9)
    best = search(table, LINK, GOAL).chosen
    tight = Constraints(1.02 * best.limited_ms)
    careful = decide_at_once(table, LINK, tight, ()).chosen
    assert search(table, LINK, tight).chosen == best
    assert careful.limited_ms <= HEADROOM * tight.limit_ms
    fastest = search_nearest(table, LINK, Constraints(1e-3)).chosen
    only = Constraints(1.02 * fastest.limited_ms)
    assert decide_at_once(table, LINK, only, ()).chosen.limited_ms <= only.limit_ms


@pytest.mark.parametrize("seed", range(10))
def test_the_most_frugal_is_evaluated_and_above_the_floor(seed):
    table = random_table(np.random.default_rng(seed), archs=40, levels=400)
    real = truth(table, seed)
    planned = decide(table, LINK, SAVING_GOAL, by_arch(real))
    chosen, saving = planned.decision.chosen, planned.decision.saving
    assert chosen.evaluated
    assert chosen.accuracy == real[chosen.candidate.arch] >= saving.floor
    assert saving.most_accurate.accuracy == pytest.approx(saving.floor + FLOOR_BELOW)


def test_at_once_prefers_what_is_ready_to_what_hardly_saves():
    table = known_table(7)
    table = table.with_accuracy(dict.fromkeys(table.archs, 0.8))
    best = decide_at_once(table, LINK, SAVING_GOAL, ()).chosen
    near, far = _like(table, best, 1.02), _like(table, best, 1.2)
    assert decide_at_once(near, LINK, SAVING_GOAL, ("twin",)).chosen.candidate.arch == "twin"
    assert decide_at_once(far, LINK, SAVING_GOAL, ("twin",)).chosen.candidate.arch == best.candidate.arch
    asked = replace(SAVING_GOAL, aim=replace(SAVING_GOAL.aim, min_accuracy=0.7))
    poor = near.with_accuracy({"twin": 0.6})
    assert decide_at_once(poor, LINK, asked, ("twin",)).chosen.candidate.arch == best.candidate.arch
    poor = near.with_accuracy({"twin": 0.785})
    assert decide_at_once(poor, LINK, SAVING_GOAL, ("twin",)).chosen.candidate.arch == best.candidate.arch


def test_at_once_goes_by_predictions_where_nothing_evaluated_is_feasible():
    """And says so: an accuracy of nothing would look like a broken network."""
    table = random_table(np.random.default_rng(7))
    slowest = table.archs[int(table.head_ms[:, -1].argmax())]
    far, limit = Link.fixed(0.001, 1000.0), Constraints(float(0.5 * table.head_ms[:, -1].max()))
    chosen = decide_at_once(table.with_accuracy({slowest: 0.99}), far, limit, (slowest,)).chosen
    assert chosen == search(table, far, limit).chosen
    assert not chosen.evaluated
    assert chosen.accuracy > 0
    assert decide_at_once(table, LINK, SAVING_GOAL, ()).chosen == search(table, LINK, SAVING_GOAL).chosen


def _like(table, best, factor):
    """The last architecture becomes the best one's twin, which takes so much longer everywhere."""
    row = table.index_of[best.candidate.arch]
    arrays = {}
    for name in ("head_ms", "head_sd_ms", "tail_ms", "tail_sd_ms", "arena_bytes", "flash_bytes"):
        arrays[name] = getattr(table, name).copy()
        arrays[name][-1] = arrays[name][row]
    best_ms = best.energy_mj / table.power.busy_w
    arrays["head_ms"][-1] += (factor - 1) * best_ms
    return replace(table, archs=(*table.archs[:-1], "twin"), **arrays)


def test_winners_over_the_neighbourhood():
    table = random_table(np.random.default_rng(5))
    links = neighbourhood(20.0)
    found = [best.candidate.arch for best in winners(table, links, Constraints(20.0))]
    assert len(found) == len(set(found)) >= 1
    expected = set()
    for link in links:
        try:
            expected.add(search(table, link, Constraints(20.0)).chosen.candidate.arch)
        except InfeasibleError:
            continue
    assert set(found) == expected
