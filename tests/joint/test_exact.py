from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nasc_sdk.candidate import INT8, Candidate
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.link.link import Link
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.exact import finalists, search, steps_down, worth_switching
from nasc_search.joint.explain import explain
from nasc_search.joint.scored import score_candidate
from nasc_search.joint.table import Kind
from tests.joint.tables import (
    moved,
    per_candidate,
    random_constraints,
    random_link,
    random_table,
    slow_feasible,
    slow_total,
)

EASY = Constraints(30.0, raw_input_stays=False)


@pytest.mark.parametrize("encodings", [1, 2])
def test_equals_brute_force_on_random_states(encodings):
    rng = np.random.default_rng(encodings)
    infeasible = 0
    for _ in range(150):
        table = random_table(rng, encodings=encodings)
        link, constraints = random_link(rng), random_constraints(rng)
        found = slow_feasible(table, link, constraints)
        winner = contenders(table, constraints).winner(link, constraints)
        if not found:
            infeasible += 1
            assert winner is None
            with pytest.raises(InfeasibleError):
                search(table, link, constraints)
            continue
        decision = search(table, link, constraints, runners_up=2)
        best = max(accuracy for accuracy, _, _ in found)
        fastest = min(total for accuracy, total, _ in found if accuracy == best)
        chosen = decision.chosen
        assert chosen.feasible
        assert chosen.accuracy == best
        assert chosen.limited_ms == pytest.approx(fastest, abs=1e-9)
        assert table.locate(chosen.candidate) == winner
        assert decision.feasible == len(found)
        best_of = {}
        for accuracy, _, index in found:
            best_of[index[0]] = max(accuracy, best_of.get(index[0], 0.0))
        ranked = sorted((-accuracy, row) for row, accuracy in best_of.items())
        assert [s.accuracy for s in decision.runners_up] == [-a for a, _ in ranked[1:3]]
    assert 5 < infeasible < 145


def test_ties_go_to_the_faster_then_to_the_first():
    table = random_table(np.random.default_rng(0), archs=4, cuts=3)
    same = replace(
        table,
        accuracy=per_candidate([0.9] * 4),
        head_ms=np.asarray([[0.0, 3.0, 6.0], [0.0, 2.0, 6.0], [0.0, 2.0, 6.0], [0.0, 5.0, 6.0]]),
        head_sd_ms=np.zeros((4, 3)),
        tail_ms=np.zeros((4, 3)),
        tail_sd_ms=np.zeros((4, 3)),
    )
    decision = search(same, Link.fixed(1e6, 1.0), Constraints(10.0))
    assert decision.chosen.candidate == Candidate("arch1", 1)
    assert decision.runners_up[0].candidate == Candidate("arch2", 1)


def test_raw_input_stays_by_default():
    table = random_table(np.random.default_rng(1))
    link = Link.fixed(1000, 0.1)
    free = search(table, link, EASY)
    bound = search(table, link, Constraints(30.0))
    assert bound.chosen.kind is not Kind.ALL_EDGE
    assert not bound.all_edge.feasible
    assert free.all_edge.feasible
    assert "the raw input stays on the board" in explain(bound)


def test_memory_limits_hold():
    table = random_table(np.random.default_rng(2))
    link = Link.fixed(50, 1)
    for limit in (40, 70, 95):
        chosen = search(table, link, replace(EASY, arena_bytes=limit, flash_bytes=3 * limit)).chosen
        assert chosen.arena_bytes <= limit
        assert chosen.flash_bytes <= 3 * limit


def test_a_higher_percentile_is_never_faster():
    rng = np.random.default_rng(3)
    table, link = random_table(rng), random_link(rng)
    totals = [table.total_ms(link, percentile) for percentile in (50, 75, 90, 95, 99, 99.9)]
    assert all((low <= high).all() for low, high in pairwise(totals))


def test_all_local_pays_no_network():
    rng = np.random.default_rng(4)
    table = random_table(rng)
    slow, fast = (table.total_ms(Link.fixed(*state), 95) for state in ((0.01, 900), (1000, 0)))
    assert np.array_equal(slow[:, -1], fast[:, -1])
    local = search(table, Link.fixed(0.01, 900), Constraints(60.0)).chosen
    assert (local.kind, local.transfer_ms, local.payload_bytes, local.overhead_ms) == (
        Kind.ALL_LOCAL, (0.0, 0.0), 0, 0.0,
    )  # fmt: skip


def test_parts_add_up():
    rng = np.random.default_rng(5)
    for _ in range(20):
        table, link = random_table(rng), random_link(rng)
        chosen = search(table, link, Constraints(500.0)).chosen
        parts = chosen.head_ms[0] + chosen.transfer_ms[0] + chosen.overhead_ms + chosen.tail_ms[0]
        assert chosen.total_ms[0] == pytest.approx(parts)
        assert chosen.total_ms[1] >= chosen.total_ms[0]
        row, cut, code = table.locate(chosen.candidate)
        assert chosen.total_ms[1] == pytest.approx(slow_total(table, link, 95, row, cut, code))


def test_flips_are_where_the_decision_changes():
    rng = np.random.default_rng(6)
    seen = set()
    for _ in range(40):
        table, link, constraints = random_table(rng), random_link(rng), random_constraints(rng)
        if not slow_feasible(table, link, constraints):
            continue
        decision = search(table, link, constraints)
        for flip in decision.flips:
            for scale, expected in ((flip.scale, flip.becomes), (flip.scale**0.99, decision.chosen)):
                changed, limits = moved(flip.factor, scale, link, constraints)
                winner = contenders(table, limits).winner(changed, limits)
                named = None if winner is None else table.candidate(*winner)
                assert named == (expected.candidate if expected else None)
            seen.add((flip.factor, flip.scale > 1))
        assert "what would flip it" in explain(decision)
    assert len(seen) == 8


def test_nothing_feasible_names_what_would_have_to_change():
    table = random_table(np.random.default_rng(7))
    table = replace(table, head_ms=table.head_ms + 5.0)
    with pytest.raises(InfeasibleError) as caught:
        search(table, Link.fixed(0.5, 20), Constraints(8.0))
    text = str(caught.value)
    for words in ("no candidate meets 8.0 ms at p95", "nearest split", "nearest all-local", "a limit of"):
        assert words in text
    limit = float(next(line for line in caught.value.nearest if "a limit of" in line).split()[3])
    search(table, Link.fixed(0.5, 20), Constraints(limit))


def test_needed_throughput_is_enough():
    rng = np.random.default_rng(8)
    table = random_table(rng)
    # The board alone is far too slow, a split waits for the wire only.
    head = table.head_ms.copy()
    head[:, -1] = 1000.0
    table = replace(table, head_ms=head)
    with pytest.raises(InfeasibleError) as caught:
        search(table, Link.fixed(1.0, 1.0), Constraints(9.0))
    line = next(line for line in caught.value.nearest if "Mbit/s" in line)
    search(table, Link.fixed(float(line.split()[0]) * 1.01, 1.0), Constraints(9.0))


def test_a_board_without_room_is_told_the_least():
    table = random_table(np.random.default_rng(9))
    table = replace(table, arena_bytes=table.arena_bytes + 1000)
    with pytest.raises(InfeasibleError, match="no candidate fits the board") as caught:
        search(table, Link.fixed(10, 1), Constraints(9.0, arena_bytes=500))
    least = int(caught.value.nearest[0].split()[0])
    assert "bytes of arena instead of 500 would do" in caught.value.nearest[0]
    search(table, Link.fixed(10, 1), Constraints(9.0, arena_bytes=least))


def test_evaluated_accuracy_overrides_the_prediction():
    table = random_table(np.random.default_rng(10))
    link = Link.fixed(100, 1)
    few = finalists(table, link, EASY, 4)
    assert len({one.candidate.arch for one in few}) == 4
    assert list(few) == sorted(few, key=lambda one: -one.accuracy)
    last = few[-1].candidate.arch
    better = table.with_accuracy({last: 0.999})
    chosen = search(better, link, EASY).chosen
    assert (chosen.candidate.arch, chosen.evaluated, chosen.accuracy) == (last, True, 0.999)
    with pytest.raises(InputError):
        table.with_accuracy({"stranger": 0.5})


def test_switching_needs_a_reason():
    table = random_table(np.random.default_rng(11), archs=8)
    table = replace(table, accuracy=per_candidate(np.linspace(0.80, 0.87, 8), table.cuts))
    fast, slow = Link.fixed(1000, 0.5), Link.fixed(0.02, 300)
    best = search(table, fast, EASY).chosen.candidate
    near = Candidate(table.archs[6], best.cut)
    assert worth_switching(best, best, table, fast, EASY) == (False, "it already runs")
    far = next(c.candidate for c in finalists(table, fast, EASY, 8) if c.accuracy < 0.85)
    assert worth_switching(far, best, table, fast, EASY)[0]
    assert not worth_switching(near, best, table, fast, EASY, margin=0.05)[0]
    local = search(table, slow, replace(EASY, limit_ms=60.0)).chosen
    assert local.kind is Kind.ALL_LOCAL
    split = Candidate(best.arch, 1)
    switch, reason = worth_switching(split, local.candidate, table, slow, replace(EASY, limit_ms=60.0))
    assert switch
    assert "needs" in reason
    assert not worth_switching(local.candidate, split, table, slow, replace(EASY, limit_ms=60.0))[0]


def test_a_step_down_gives_up_what_the_last_estimate_allowed():
    table = random_table(np.random.default_rng(11), archs=8)
    fast, slow = Link.fixed(1000, 0.5), Link.fixed(0.02, 300)
    best, *_, worst = finalists(table, fast, EASY, 8)
    assert worst.accuracy < best.accuracy
    assert steps_down(best.candidate, worst.candidate, table, fast, slow, EASY)
    assert not steps_down(worst.candidate, best.candidate, table, fast, slow, EASY)
    assert not steps_down(best.candidate, best.candidate, table, fast, slow, EASY)
    split = Candidate(best.candidate.arch, 1)
    assert not score_candidate(table, slow, EASY, split).feasible
    assert not steps_down(split, worst.candidate, table, slow, slow, EASY), "it could not be kept before either"


def test_strangers_are_refused():
    table = random_table(np.random.default_rng(12))
    link = Link.fixed(10, 1)
    for candidate in (
        Candidate("stranger", 1),
        Candidate("arch0", 99),
        Candidate("arch0", 1, replace(INT8, bits=2)),
    ):
        with pytest.raises(InputError, match="not in the candidate table"):
            score_candidate(table, link, EASY, candidate)


@pytest.mark.parametrize(
    "bad", [{"limit_ms": 0.0}, {"limit_ms": float("nan")}, {"percentile": 20.0}, {"arena_bytes": -1}]
)
def test_impossible_constraints_are_refused(bad):
    with pytest.raises(InputError):
        replace(EASY, **bad)
