"""The search for least energy or latency agrees with one that looks at every candidate, and says why it found none."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import Power, PowerOrigin
from nasc_search.joint.aim import FLOOR_BELOW, Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.exact import finalists, search, search_nearest, steps_down, worth_switching
from nasc_search.joint.explain import explain
from nasc_search.joint.flips import Factor
from nasc_search.joint.scored import cost, score_candidate, shortcoming
from nasc_search.joint.table import Kind
from tests.joint.tables import (
    moved,
    per_candidate,
    random_constraints,
    random_link,
    random_table,
    slow_energy,
    slow_feasible,
)

LINK = Link.fixed(50.0, 1.0)
SAVE, FAST = Aim(Objective.ENERGY), Aim(Objective.LATENCY)
GOAL = Constraints(40.0, aim=SAVE)


def board(rng, **size):
    busy = float(rng.uniform(1, 9))
    power = Power(float(rng.uniform(0, busy)), busy, "a meter", 9, PowerOrigin.MEASURED)
    return replace(random_table(rng, **size), power=power)


def random_goal(rng, objective):
    """Limit, rules, floor and budget that may contradict each other."""
    aim = Aim(objective, float(rng.choice([0.0, 0.3, 0.6, 0.9])))
    if objective is Objective.ENERGY:
        aim = replace(aim, max_energy_mj=float(rng.choice([0.0, 15.0, 60.0])))
    goal = replace(random_constraints(rng), aim=aim)
    return replace(goal, limit_ms=None) if objective is Objective.LATENCY and rng.integers(2) else goal


def slow_frugal(table, link, constraints):
    """(cost, -accuracy, total, index) of everything that keeps limit, rules, budget and floor; the floor."""
    aim = constraints.aim
    found = [
        (total if aim.objective is Objective.LATENCY else slow_energy(table, link, *index), -accuracy, total, index)
        for accuracy, total, index in slow_feasible(table, link, constraints)
    ]
    found = [one for one in found if not aim.max_energy_mj or one[0] <= aim.max_energy_mj]
    if not found:
        return [], 0.0
    floor = aim.min_accuracy or max(-one[1] for one in found) - FLOOR_BELOW
    return [one for one in found if -one[1] >= floor], floor


@pytest.mark.parametrize("objective", [Objective.ENERGY, Objective.LATENCY])
@pytest.mark.parametrize("encodings", [1, 2])
@pytest.mark.parametrize("levels", [5, 400])
def test_equals_brute_force_on_random_states(objective, encodings, levels):
    rng = np.random.default_rng(encodings + levels)
    infeasible = 0
    for _ in range(50):
        table, link = board(rng, encodings=encodings, levels=levels), random_link(rng)
        constraints = random_goal(rng, objective)
        found, floor = slow_frugal(table, link, constraints)
        winner = contenders(table, constraints).winner(link, constraints)
        if not found:
            infeasible += 1
            assert winner is None
            with pytest.raises(InfeasibleError) as caught:
                search(table, link, constraints)
            assert caught.value.nearest
            continue
        decision = search(table, link, constraints, runners_up=2)
        chosen, least = decision.chosen, min(found)
        assert chosen.feasible
        assert cost(chosen, objective) == pytest.approx(least[0])
        assert chosen.accuracy == pytest.approx(-min(one for one in found if one[0] <= least[0] + 1e-9)[1])
        assert table.locate(chosen.candidate) == winner
        assert decision.feasible == len(found)
        assert decision.saving.floor == pytest.approx(floor)
        assert all(cost(other, objective) >= cost(chosen, objective) - 1e-9 for other in decision.runners_up)
        assert all(other.accuracy >= floor - 1e-9 for other in decision.runners_up)
        text = explain(decision)
        assert f"at accuracy {floor:.2%} or more" in text
    assert 3 < infeasible < 47


def test_the_default_floor_is_a_point_below_the_most_accurate_feasible():
    accuracy = per_candidate([0.90, 0.895, 0.889, 0.99])
    table = replace(board(np.random.default_rng(1), archs=4, cuts=3), accuracy=accuracy)
    head = np.asarray([[0.0, 9.0, 18.0], [0.0, 5.0, 10.0], [0.0, 1.0, 2.0], [0.0, 99.0, 199.0]])
    table = replace(table, head_ms=head, tail_ms=0 * head, head_sd_ms=0 * head, tail_sd_ms=0 * head)
    decision = search(table, LINK, GOAL)
    assert decision.chosen.candidate.arch == "arch1", "arch2 is too inaccurate, arch3 too slow"
    assert decision.saving.floor == pytest.approx(0.89)
    assert decision.saving.most_accurate.candidate.arch == "arch0"
    text = explain(decision)
    for words in ("1 point below the most accurate feasible", "measured: a meter, 9 readings", "mJ", "energy mJ"):
        assert words in text
    lower = search(table, LINK, replace(GOAL, aim=replace(SAVE, min_accuracy=0.5)))
    assert lower.chosen.candidate.arch == "arch2"
    assert "as asked for" in explain(lower)


def test_assumed_watts_are_called_so():
    table = random_table(np.random.default_rng(2))
    assert "assumed: that of a Raspberry Pi 4" in explain(search(table, LINK, GOAL))
    assert "energy" not in explain(search(table, LINK, Constraints(40.0))), "nobody asked"
    given = replace(table, power=Power(1.0, 2.0, "as given by --power-w"))
    assert "assumed: as given by --power-w" in explain(search(given, LINK, Constraints(40.0)))


def test_a_board_that_waits_for_nothing_offloads_more():
    table = random_table(np.random.default_rng(3))
    hungry, patient = (replace(table, power=Power(idle, 5.0, "a meter")) for idle in (5.0, 0.0))
    found = [search(one, LINK, GOAL).chosen for one in (hungry, patient)]
    assert found[1].head_ms[0] <= found[0].head_ms[0]


def test_nothing_above_the_floor_names_the_nearest():
    table = board(np.random.default_rng(4))
    best = search(table, LINK, Constraints(40.0)).chosen
    with pytest.raises(InfeasibleError, match=r"keeps accuracy 99\.90%") as caught:
        search(table, LINK, replace(GOAL, aim=replace(SAVE, min_accuracy=0.999)))
    assert f"accuracy {best.accuracy:.2%}" in caught.value.nearest[0]
    enough = float(caught.value.nearest[0].split()[3])
    assert search(table, LINK, replace(GOAL, aim=replace(SAVE, min_accuracy=enough))).chosen.feasible


def test_nothing_within_the_budget_names_the_least():
    table = board(np.random.default_rng(5))
    with pytest.raises(InfeasibleError, match=r"keeps 0\.001 mJ") as caught:
        search(table, LINK, replace(GOAL, aim=replace(SAVE, max_energy_mj=0.001)))
    enough = float(next(line for line in caught.value.nearest if "a budget of" in line).split()[3])
    assert search(table, LINK, replace(GOAL, aim=replace(SAVE, max_energy_mj=enough))).chosen.feasible


def test_a_limit_that_nothing_meets_is_told_as_ever():
    table = board(np.random.default_rng(6))
    with pytest.raises(InfeasibleError, match=r"no candidate meets 0\.001 ms"):
        search(table, LINK, replace(GOAL, limit_ms=1e-3))


def test_nearest_forgets_the_aim():
    table = board(np.random.default_rng(7))
    goal = replace(GOAL, aim=replace(SAVE, min_accuracy=0.999))
    nearest = search_nearest(table, LINK, goal)
    assert nearest.saving is None
    assert nearest.chosen == search(table, LINK, Constraints(40.0)).chosen


def test_finalists_are_the_most_frugal_and_the_most_accurate():
    table = board(np.random.default_rng(8), levels=400)
    goal = replace(GOAL, aim=replace(SAVE, min_accuracy=0.2))
    found = finalists(table, LINK, goal, 3)
    decision = search(table, LINK, goal)
    assert found[0] == decision.chosen
    assert decision.saving.most_accurate in found
    assert len(found) == len({one.candidate.arch for one in found}) >= 3


def test_switching_saves_enough_or_mends_the_floor():
    table = replace(board(np.random.default_rng(9), archs=3, cuts=3), accuracy=per_candidate([0.9, 0.9, 0.8]))
    head = np.asarray([[0.0, 9.0, 10.0], [0.0, 9.0, 9.9], [0.0, 1.0, 5.0]])
    table = replace(table, head_ms=head, tail_ms=0 * head, head_sd_ms=0 * head, tail_sd_ms=0 * head)
    slow, same, little = (Candidate(f"arch{row}", 2) for row in range(3))

    def worth(now, then, floor=0.0, aim=SAVE):
        return worth_switching(now, then, table, LINK, replace(GOAL, aim=aim), floor=floor)

    assert worth(slow, same)[0] is False
    assert worth(slow, little) == (True, f"50% less energy ({5 * table.power.busy_w:.4g} mJ)")
    assert worth(little, slow)[0] is False
    assert worth(little, slow, floor=0.85)[0] is True
    asked = replace(SAVE, min_accuracy=0.85)
    assert "reaches accuracy 80.00%" in worth(little, slow, aim=asked)[1]
    assert worth(slow, little, aim=asked)[0] is False


def test_switching_to_a_faster_one_needs_a_twentieth():
    table = replace(board(np.random.default_rng(9), archs=3, cuts=3), accuracy=per_candidate([0.9, 0.9, 0.9]))
    head = np.asarray([[0.0, 9.0, 10.0], [0.0, 9.0, 9.6], [0.0, 9.0, 9.4]])
    table = replace(table, head_ms=head, head_sd_ms=0 * head)
    slow, hardly, clearly = (Candidate(f"arch{row}", 2) for row in range(3))
    goal = Constraints(None, aim=FAST)
    assert worth_switching(slow, clearly, table, LINK, goal) == (True, "6% less latency (9.40 ms at p95)")
    found = worth_switching(slow, hardly, table, LINK, goal)
    assert found == (False, "4.0% less latency is less than the margin of 5%")


@pytest.mark.parametrize("aim", [SAVE, FAST])
def test_a_step_down_costs_more_over_the_link_as_it_was(aim):
    """One estimate that is worse than the one before may be a hiccup; a better one is none."""
    table = replace(board(np.random.default_rng(9), archs=1, cuts=3), power=Power(2.0, 4.0, "a meter"))
    head = np.asarray([[0.0, 1.0, 20.0]])
    table = replace(table, head_ms=head, head_sd_ms=0 * head, tail_ms=0 * head, tail_sd_ms=0 * head)
    split, local = Candidate("arch0", 1), Candidate("arch0", 2)
    good, bad, goal = Link.fixed(1000.0, 1.0), Link.fixed(1.0, 200.0), Constraints(None, aim=aim)
    assert steps_down(split, local, table, good, bad, goal)
    assert not steps_down(split, local, table, bad, bad, goal), "it was as bad before: two estimates agree"
    assert not steps_down(local, split, table, bad, good, goal)
    assert not steps_down(split, split, table, good, bad, goal)


def test_shortcomings_are_named():
    table = board(np.random.default_rng(10))
    best = search(table, LINK, GOAL).chosen
    goal = replace(GOAL, aim=replace(SAVE, max_energy_mj=0.5 * best.energy_mj))
    found = score_candidate(table, LINK, goal, best.candidate)
    assert not found.feasible
    assert "mJ, allowed are" in shortcoming(found, goal)


@pytest.mark.parametrize("objective", [Objective.ENERGY, Objective.LATENCY])
def test_flips_are_where_the_decision_changes(objective):
    rng = np.random.default_rng(11)
    seen = set()
    for _ in range(40):
        table, link = board(rng), random_link(rng)
        constraints = random_goal(rng, objective)
        if not slow_frugal(table, link, constraints)[0]:
            continue
        decision = search(table, link, constraints)
        for flip in decision.flips:
            changed, goal = moved(flip.factor, flip.scale, link, constraints, decision.saving.floor)
            try:
                found = search(table, changed, goal).chosen.candidate
            except InfeasibleError:
                found = None
            assert found == (flip.becomes.candidate if flip.becomes else None)
            seen.add((flip.factor, flip.scale > 1))
        assert "what would flip it" in explain(decision)
    assert {factor for factor, _ in seen} == set(Factor)
    assert {(Factor.FLOOR, False), (Factor.FLOOR, True)} <= seen


def test_the_raw_input_stays_whatever_it_saves():
    table = replace(random_table(np.random.default_rng(12)), power=Power(0.0, 5.0, "a meter"))
    assert search(table, LINK, GOAL).chosen.kind is not Kind.ALL_EDGE
    assert search(table, LINK, replace(GOAL, raw_input_stays=False)).chosen.kind is Kind.ALL_EDGE


@pytest.mark.parametrize(
    "bad",
    [
        {"min_accuracy": -0.1},
        {"min_accuracy": 1.1},
        {"min_accuracy": float("nan")},
        {"max_energy_mj": -1.0},
        {"max_energy_mj": float("inf")},
        {"objective": Objective.ACCURACY, "min_accuracy": 0.5},
        {"objective": Objective.ACCURACY, "max_energy_mj": 5.0},
    ],
)
def test_impossible_aims_are_refused(bad):
    with pytest.raises(InputError):
        replace(SAVE, **bad)
