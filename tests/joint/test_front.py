from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.link.link import Link
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.front import pareto_front
from nasc_search.joint.table import Kind
from tests.joint.tables import random_constraints, random_link, random_table, slow_feasible


def test_fronts_equal_brute_force():
    rng = np.random.default_rng(1)
    for _ in range(40):
        table, link, constraints = random_table(rng), random_link(rng), random_constraints(rng)
        everything = replace(constraints, limit_ms=None)
        points = [(accuracy, total) for accuracy, total, _ in slow_feasible(table, link, everything)]
        expected = sorted(
            {
                (round(t, 9), a)
                for a, t in points
                if not any(b >= a and u <= t and (b, u) != (a, t) for b, u in points)
            }
        )
        front = [(round(one.limited_ms, 9), one.accuracy) for one in pareto_front(table, link, constraints)]
        assert np.asarray(front) == pytest.approx(np.asarray(expected))


def test_kinds_hold_their_own_candidates():
    table = random_table(np.random.default_rng(2))
    link, constraints = Link.fixed(20, 2), Constraints(10.0)
    for kind in Kind:
        front = pareto_front(table, link, constraints, kind)
        assert front
        assert {one.kind for one in front} == {kind}
    assert Kind.ALL_EDGE not in {one.kind for one in pareto_front(table, link, constraints)}
