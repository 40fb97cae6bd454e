"""Precomputed answers are those of looking at every candidate."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.joint.pareto_set import Candidates, pareto_set


def random_candidates(rng, archs=60, cuts=5, codes=3, levels=15):
    """Few levels of everything, so that ties happen."""
    lost = rng.integers(0, 3, (archs, cuts, codes)) * (np.arange(codes) > 0)
    tail = np.cumsum(rng.integers(0, 6, (archs, cuts)), axis=1)[:, ::-1] / 8.0
    tail[:, -1] = 0.0
    allowed = rng.random((archs, cuts, codes)) < 0.9
    allowed[:, [0, -1], 1:] = False
    return Candidates(
        accuracy=np.maximum(rng.integers(0, levels, (archs, 1, 1)) - lost, 0) / levels,
        head_ms=np.cumsum(rng.integers(0, 6, (archs, cuts)), axis=1) / 2.0,
        tail_ms=tail,
        encode_ms=rng.integers(0, 3, (cuts, codes)) / 4.0,
        decode_ms=rng.integers(0, 3, (cuts, codes)) / 8.0,
        payload_bytes=rng.integers(1, 20, (cuts, codes)) * 500,
        allowed=allowed,
    )


def slow_best(given, throughput, trip, limit, board, server):
    times = board * (given.head_ms[:, :, None] + given.encode_ms)
    times = times + server * (given.tail_ms[:, :, None] + given.decode_ms)
    times = times + given.payload_bytes * 8e-3 / throughput + trip
    times[:, -1] = board * given.head_ms[:, -1, None]
    within = given.allowed & (times <= limit)
    if not within.any():
        return None
    best = within & (given.accuracy == given.accuracy[within].max())
    fastest = np.where(best, times, np.inf)
    return tuple(int(part) for part in np.unravel_index(int(fastest.argmin()), fastest.shape)), fastest.min()


@pytest.mark.parametrize("levels", [15, 10_000])
def test_equals_brute_force_on_random_states(levels):
    rng = np.random.default_rng(levels)
    infeasible = 0
    for _ in range(20):
        given = random_candidates(rng, levels=levels)
        found = pareto_set(given)
        assert len(found) < 0.5 * given.allowed.sum()
        for _ in range(40):
            state = tuple(np.exp(rng.uniform(np.log(low), np.log(high))) for low, high in (
                (0.5, 100), (0.5, 30), (2, 60), (0.5, 4), (0.5, 4)
            ))  # fmt: skip
            expected, answer = slow_best(given, *state), found.best(*state)
            if expected is None:
                infeasible += 1
                assert answer is None
                continue
            assert given.accuracy[answer] == given.accuracy[expected[0]]
            assert answer == expected[0]
    assert 20 < infeasible < 780


def test_what_the_board_does_alone_needs_no_link():
    given = random_candidates(np.random.default_rng(0))
    found = pareto_set(given)
    answer = found.best(1e-6, 1e6, 1e4)
    assert answer[1] == given.accuracy.shape[1] - 1
    alone = np.where(given.allowed[:, -1, 0], given.accuracy[:, -1, 0], 0)
    assert given.accuracy[answer] == alone.max()


def test_nothing_allowed_answers_nothing():
    given = random_candidates(np.random.default_rng(0))
    assert pareto_set(replace(given, allowed=np.zeros_like(given.allowed))).best(1, 1, 1) is None


@pytest.mark.parametrize("name", ["head_ms", "encode_ms", "allowed", "payload_bytes"])
def test_arrays_that_do_not_fit_are_refused(name):
    given = random_candidates(np.random.default_rng(0))
    with pytest.raises(InputError):
        replace(given, **{name: getattr(given, name)[:-1]})
    with pytest.raises(InputError, match="not a number"):
        replace(given, head_ms=np.full_like(given.head_ms, np.nan))
