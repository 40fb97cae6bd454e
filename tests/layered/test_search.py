"""Prefix and suffix fronts find what looking at every network finds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.layered.costs import LayeredCosts, LayeredMemory
from nasc_search.layered.search import LayeredSearch, State


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
            expected, answer = slow_best(every, costs, state), search.best(state.query(costs.payload_bytes))
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
    near = search.near(state.query(costs.payload_bytes), 50)
    assert 5 < len(near) == len({one.choices for one in near}) <= 50
    assert near[0] == search.best(state.query(costs.payload_bytes))
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


def random_memory(rng, costs, flash_share):
    """A quarter of the choices needs more arena than there is."""
    shape = costs.board_ms.shape
    fits = rng.random(shape) < 0.75
    fits[:, 0] = True
    layer_bytes = rng.integers(100, 5000, shape)
    most = int(layer_bytes.max(axis=1).sum())
    return LayeredMemory(fits, layer_bytes, 400, 900, int(flash_share * most))


def slow_best_in_memory(found, costs, state, memory):
    """The highest score of all networks that keep the limit and the board's memory."""
    choices, head, tail, score = found
    layers = np.arange(choices.shape[1])
    sizes = np.cumsum(memory.layer_bytes[layers, choices], axis=1)
    fits = np.cumprod(memory.fits[layers, choices], axis=1).astype(bool)
    one = np.ones((len(choices), 1))
    flash = np.concatenate([0 * one, memory.stem_bytes * one, memory.stem_bytes + sizes], axis=1)
    flash = np.concatenate([flash, flash[:, -1:] + memory.classifier_bytes], axis=1)
    fits = np.concatenate([one, one, fits, fits[:, -1:]], axis=1).astype(bool)
    link = costs.payload_bytes * 8e-3 / state.throughput_mbit_s + state.round_trip_ms
    total = state.board * head + state.server * tail + np.append(link[:-1], 0.0)
    within = (total <= state.limit_ms) & fits & (flash <= memory.flash_bytes)
    if state.raw_input_stays:
        within[:, 0] = False
    return score[within.any(axis=1)].max(initial=-np.inf)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 2.0])
def test_within_the_boards_memory_something_is_found_wherever_there_is_anything(share):
    """And what is found, and the bound, enclose what looking at every network finds."""
    rng = np.random.default_rng(int(100 * share))
    gaps, feasible = [], 0
    for _ in range(4):
        costs = random_costs(rng, 5, 5)
        score, memory = rng.normal(size=(5, 5)), random_memory(rng, costs, share)
        every, search = every_network(costs, score), LayeredSearch(costs, score, memory)
        for state in states(rng, 40):
            query = state.query(costs.payload_bytes)
            expected, answer = slow_best_in_memory(every, costs, state, memory), search.best(query)
            assert (answer is None) == np.isneginf(expected)
            if answer is None:
                continue
            feasible += 1
            assert answer.score <= expected + 1e-9 <= search.bound(query) + 2e-9
            gaps.append(expected - answer.score)
            on_board = np.asarray(answer.choices[: max(answer.cut - 1, 0)], int)
            layers = np.arange(len(on_board))
            assert memory.fits[layers, on_board].all()
            needed = memory.stem_bytes + memory.layer_bytes[layers, on_board].sum()
            needed += memory.classifier_bytes * (answer.cut == len(score) + 2)
            assert answer.cut == 0 or needed <= memory.flash_bytes
            assert all(near.score <= expected + 1e-9 for near in search.near(query, 5))
    assert feasible > 20
    # The prices leave out networks between two fronts: few, and little.
    assert np.mean(np.asarray(gaps) < 1e-9) > (0.7 if share < 2 else 0.999), gaps
    assert np.mean(gaps) < 0.1 * np.ptp(score)


def test_no_room_for_the_stem_is_no_head_and_none_for_the_classifier_no_whole_one():
    costs = random_costs(np.random.default_rng(0), 4, 3)
    score, shape = np.zeros((4, 3)), (4, 3)
    sizes = np.zeros(shape, np.int64)
    fast = State(1000.0, 0.01, 1000.0, raw_input_stays=True).query(costs.payload_bytes)
    without_stem = LayeredSearch(costs, score, LayeredMemory(np.ones(shape, bool), sizes, 1 << 61, 0, 1000))
    assert without_stem.best(fast) is None
    heads_only = LayeredSearch(costs, score, LayeredMemory(np.ones(shape, bool), sizes, 10, 1 << 61, 1000))
    assert heads_only.best(fast).cut < 6
    closed = LayeredMemory(np.zeros(shape, bool), sizes, 10, 10, 1000)
    assert LayeredSearch(costs, score, closed).best(fast).cut == 1


def test_a_crossing_that_loses_score_is_taken_where_its_bytes_count():
    """Each cut plainly or in half the bytes: exactly what enumeration over both finds."""
    rng = np.random.default_rng(9)
    costs, score = random_costs(rng, 4, 4), rng.normal(size=(4, 4))
    costs = replace(costs, payload_bytes=5 * costs.payload_bytes)
    search, every = LayeredSearch(costs, score), every_network(costs, score)
    lossy = 0
    for state in states(rng, 100):
        plain = state.query(costs.payload_bytes)
        half = state.query(costs.payload_bytes // 2)
        coded = tuple(replace(one, score=-0.1) for one in half.crossings if one.cut < 6)
        answer = search.best(replace(plain, crossings=(*plain.crossings, *coded)))
        halved = replace(costs, payload_bytes=costs.payload_bytes // 2)
        ways = [(0.0, slow_best(every, costs, state)), (-0.1, slow_best(every, halved, state))]
        found = [(best[0] + loss) for loss, best in ways if best is not None]
        if not found:
            assert answer is None
            continue
        lossy += answer.crossing.score < 0
        assert answer.score == pytest.approx(max(found))
    assert 3 < lossy < 60


def test_the_servers_share_is_kept():
    rng = np.random.default_rng(4)
    costs, score = random_costs(rng, 5, 4), rng.normal(size=(5, 4))
    search = LayeredSearch(costs, score)
    free = State(50.0, 1.0, 15.0).query(costs.payload_bytes)
    busy = search.best(free)
    tail = costs.classifier_server_ms + sum(costs.server_ms[at, busy.choices[at]] for at in range(busy.cut - 1, 5))
    assert busy.cut < 7
    less = search.best(replace(free, most_server_ms=0.5 * tail))
    after = sum(costs.server_ms[at, less.choices[at]] for at in range(less.cut - 1, 5))
    assert less.cut == 7 or costs.classifier_server_ms + after <= 0.5 * tail
    assert less.score <= busy.score
