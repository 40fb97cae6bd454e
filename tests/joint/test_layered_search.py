"""Prefix and suffix fronts find what looking at every network finds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.joint.layered import LayeredCosts
from nasc_search.joint.layered_search import LayeredSearch, State


def random_costs(rng, layers, choices, steps=None):
    """With ``steps`` times are multiples, so that ties happen."""

    def times(scale):
        found = rng.uniform(0.1, 1.0, (layers, choices)) * scale
        return np.ceil(found * steps) / steps if steps else found

    board, server = times(4.0), times(0.5)
    missing = rng.random(board.shape) < 0.1
    missing[:, 0] = False
    board[missing] = server[missing] = np.inf
    payload = np.append(rng.integers(200, 20_000, layers + 2), 0)
    return LayeredCosts(board, server, 0.5, 0.0625, 0.25, 0.125, payload)


def every_network(costs, score):
    """All choices [n, L], head times [n, K], tail times [n, K], scores [n]."""
    legal = [np.flatnonzero(row).tolist() for row in costs.legal]
    choices = np.asarray(list(itertools.product(*legal)))
    layers = np.arange(len(legal))
    board, server = costs.board_ms[layers, choices], costs.server_ms[layers, choices]
    heads = np.concatenate([np.zeros((len(choices), 1)), np.cumsum(board, axis=1)], axis=1) + costs.stem_board_ms
    sums = np.cumsum(server[:, ::-1], axis=1)[:, ::-1]
    tails = np.concatenate([sums, np.zeros((len(choices), 1))], axis=1) + costs.classifier_server_ms
    zero = np.zeros((len(choices), 1))
    head = np.concatenate([zero, heads, heads[:, -1:] + costs.classifier_board_ms], axis=1)
    tail = np.concatenate([tails[:, :1] + costs.stem_server_ms, tails, zero], axis=1)
    return choices, head, tail, score[layers, choices].sum(axis=1)


def slow_best(found, costs, state):
    _, head, tail, score = found
    link = costs.payload_bytes * 8e-3 / state.throughput_mbit_s + state.round_trip_ms
    total = state.board * head + state.server * tail + np.append(link[:-1], 0.0)
    if state.raw_input_stays:
        total[:, 0] = np.inf
    within = total <= state.limit_ms
    if not within.any():
        return None
    best = score[within.any(axis=1)].max()
    rows = np.flatnonzero((score >= best - 1e-12) & within.any(axis=1))
    return best, np.where(within[rows], total[rows], np.inf).min()


def states(rng, count):
    for _ in range(count):
        low, high = np.log([[0.5, 0.5, 2, 0.5, 0.5], [100, 20, 60, 3, 3]])
        throughput, trip, limit, board, server = np.exp(rng.uniform(low, high)).tolist()
        yield State(throughput, trip, limit, board, server, bool(rng.integers(2)))


@pytest.mark.parametrize(("layers", "choices", "steps"), [(4, 5, 4), (6, 4, None), (1, 3, None)])
def test_equals_enumeration(layers, choices, steps):
    rng = np.random.default_rng(layers)
    infeasible = 0
    for _ in range(4):
        costs = random_costs(rng, layers, choices, steps)
        score = rng.normal(size=(layers, choices))
        every, search = every_network(costs, score), LayeredSearch(costs, score)
        for state in states(rng, 40):
            expected, answer = slow_best(every, costs, state), search.best(state)
            if expected is None:
                infeasible += 1
                assert answer is None
                continue
            assert answer.score == pytest.approx(expected[0], abs=1e-9)
            assert answer.total_ms <= state.limit_ms + 1e-9
            row = np.flatnonzero((every[0] == answer.choices).all(axis=1))[0]
            assert every[3][row] == pytest.approx(answer.score)
            link = costs.payload_bytes[answer.cut] * 8e-3 / state.throughput_mbit_s + state.round_trip_ms
            total = state.board * every[1][row, answer.cut] + state.server * every[2][row, answer.cut]
            total += link * (answer.cut < layers + 2)
            assert answer.total_ms == pytest.approx(total)
    assert infeasible < 150


def test_what_is_near_begins_with_the_best_and_keeps_the_limit():
    rng = np.random.default_rng(5)
    costs, score = random_costs(rng, 6, 9), rng.normal(size=(6, 9))
    search, state = LayeredSearch(costs, score), State(20.0, 2.0, 8.0)
    near = search.near(state, 50)
    assert 5 < len(near) == len({(one.choices, one.cut) for one in near}) <= 50
    assert near[0] == search.best(state)
    assert [one.score for one in near] == sorted((one.score for one in near), reverse=True)
    assert all(one.total_ms <= 8.0 for one in near)


def test_bad_input_is_refused():
    costs = random_costs(np.random.default_rng(0), 3, 4)
    with pytest.raises(InputError, match="3, 4"):
        LayeredSearch(costs, np.zeros((3, 5)))
    with pytest.raises(InputError, match="not a number"):
        LayeredSearch(costs, np.full((3, 4), np.nan))
    good = State(1.0, 1.0, 1.0)
    for name, value in (("throughput_mbit_s", 0.0), ("limit_ms", np.nan), ("round_trip_ms", -1.0), ("board", np.inf)):
        with pytest.raises(InputError, match="positive"):
            replace(good, **{name: value})
