"""The server's budget holds everywhere, to the last bit; the tables it is also checked on are in ``test_exact``."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_search.joint.aim import Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.exact import search, search_nearest
from nasc_search.joint.explain import explain
from nasc_search.joint.front import pareto_front
from nasc_search.joint.regime import regime_map
from nasc_search.joint.scored import broken_rule, score, shortcoming
from nasc_search.joint.table import Kind
from tests.joint.tables import random_link, random_table, slow_server

LINK = Link.fixed(50.0, 1.0)


def split_at(table, limit_ms=30.0):
    """What is chosen where nothing keeps it from the server."""
    chosen = search(table, Link.fixed(1000.0, 0.1), Constraints(limit_ms)).chosen
    assert chosen.kind is Kind.SPLIT
    return chosen


def test_a_candidate_that_takes_the_budget_exactly_is_within_it():
    rng = np.random.default_rng(0)
    table = random_table(rng, encodings=2)
    table = replace(table, tail_ms=table.tail_ms * np.pi)
    for row, cut, code in zip(*(rng.integers(0, n, 200) for n in table.accuracy.shape), strict=True):
        if not table.legal[cut, code] or cut in (0, table.cuts - 1):
            continue
        most = float(table.server_ms[row, cut, code])
        assert most == pytest.approx(slow_server(table, row, cut, code))
        exact, less = (Constraints(None, max_server_ms=value) for value in (most, np.nextafter(most, 0)))
        at = int(row), int(cut), int(code)
        assert score(table, LINK, exact, *at).tail_ms[0] == most
        assert score(table, LINK, exact, *at).feasible
        assert table.allowed(exact)[at]
        refused = score(table, LINK, less, *at)
        assert not refused.feasible
        assert not table.allowed(less)[at]
        assert broken_rule(refused, less) == shortcoming(refused, less) != ""


@pytest.mark.parametrize("objective", Objective)
def test_whatever_the_budget_contenders_hold_the_answer(objective):
    """They are kept in the table, and serve all budgets."""
    rng = np.random.default_rng(1)
    table = random_table(rng, archs=60, encodings=2, levels=200)
    for _ in range(40):
        link = random_link(rng)
        goal = Constraints(
            float(rng.uniform(8, 30)), max_server_ms=float(rng.uniform(0.1, 3)), aim=Aim(objective),
        )  # fmt: skip
        winner = contenders(table, goal).winner(link, goal)
        again = replace(table)
        if winner is not None:
            assert search(again, link, goal).chosen.candidate == table.candidate(*winner)
            assert table.server_ms[winner] <= goal.max_server_ms
    assert len(table.contender_memo) == 1


def test_a_budget_moves_work_to_the_board_and_says_so():
    table = random_table(np.random.default_rng(2))
    free = split_at(table)
    goal = Constraints(30.0, max_server_ms=0.5 * free.tail_ms[0])
    decision = search(table, Link.fixed(1000.0, 0.1), goal)
    assert decision.chosen.tail_ms[0] <= goal.max_server_ms
    assert f"{goal.max_server_ms:g} ms of the server" in explain(decision)
    assert "server budget up to" in explain(decision)


def test_all_local_needs_none():
    table = random_table(np.random.default_rng(2))
    found = search(table, LINK, Constraints(None, max_server_ms=1e-9, aim=Aim(Objective.LATENCY)))
    assert found.chosen.kind is Kind.ALL_LOCAL
    assert "split takes" in explain(found)
    assert "ms of the server, allowed are 1e-09" in explain(found)
    assert search(table, LINK, Constraints(None, max_server_ms=1e-9)).feasible == len(table.archs)


def test_the_nearest_keeps_it_too():
    table = random_table(np.random.default_rng(3))
    goal = Constraints(1e-3, max_server_ms=0.7)
    assert search_nearest(table, LINK, goal).chosen.tail_ms[0] <= 0.7


def test_fronts_keep_it():
    table = random_table(np.random.default_rng(4), archs=60)
    goal = Constraints(20.0, max_server_ms=0.7)
    points = pareto_front(table, LINK, goal, Kind.SPLIT)
    assert 0 < max(point.tail_ms[0] for point in points) <= 0.7


def test_maps_need_a_limit():
    table = random_table(np.random.default_rng(5))
    with pytest.raises(InputError, match="drawn at a latency limit"):
        regime_map(table, Constraints(None))
    with pytest.raises(InputError, match="most accurate candidates"):
        regime_map(table, Constraints(9.0, aim=Aim(Objective.LATENCY)))


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_impossible_budgets_are_refused(bad):
    with pytest.raises(InputError, match="server budget"):
        Constraints(9.0, max_server_ms=bad)
