"""A distribution beside weights: it finds what is better, leaves what is not allowed, and goes on as it was."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.oneshot.candidates import Candidates
from nasc_search.oneshot.distribution import Distribution
from nasc_search.oneshot.train import EVERY, find, split_off, train_joint
from nasc_search.supernet.options import TrainOptions
from tests.oneshot.planted import BLIND, SEEING, SPACE, setting, task
from tests.oneshot.test_candidates import PLAIN

MOST = 0.7
"""Four variables leave every second value a quarter."""
OPTIONS = TrainOptions(steps=80, batch=24, learning_rate=0.05, seed=3)


def trained(wanted, options=OPTIONS):
    reports = []
    distribution = train_joint(SPACE, task(), options, wanted, None, reports.append)
    return distribution, reports


def probability(distribution, place, value):
    return distribution.theta[place, value]


def fastest_ms(kernel):
    candidates = Candidates(SPACE, setting(SPACE, 1.0), PLAIN)
    rest = product(range(2), *map(range, candidates.problem.sizes[2:]))
    return min(candidates.violation((kernel, *point)) + 1 for point in rest)


def test_theta_moves_to_the_planted_choice():
    distribution, reports = trained(setting(SPACE, 100.0))
    assert probability(distribution, 0, SEEING) > MOST
    assert distribution.spread.entropy_bits < 0.8 * np.log2(distribution.candidates.problem.count)
    candidate, is_mode = distribution.chosen()
    assert is_mode
    assert candidate.arch.startswith("3-")
    assert reports[-1].spread == distribution.spread


def test_infeasible_points_are_left_however_good():
    limit = (fastest_ms(BLIND) + fastest_ms(SEEING)) / 2
    assert fastest_ms(BLIND) < limit < fastest_ms(SEEING)
    distribution, _ = trained(setting(SPACE, limit))
    assert probability(distribution, 0, BLIND) > MOST
    candidate, _ = distribution.chosen()
    assert candidate.arch.startswith("1-")
    assert distribution.candidates.scored(candidate).feasible


def test_what_is_chosen_is_evaluated_as_it_is_deployed():
    from nasc_search.supernet.model import Supernet

    wanted = setting(SPACE, 100.0)
    candidates = Candidates(SPACE, wanted, PLAIN)
    distribution = Distribution(candidates, task(), task().validation, OPTIONS)
    found = find(distribution, Supernet(SPACE), task())
    assert found.predicted.evaluated
    assert 0 <= found.predicted.accuracy <= 1
    whole, coded = found.accuracies
    assert whole == {found.predicted.candidate.arch: found.plain_accuracy}
    assert not coded or list(coded.values()) == [found.predicted.accuracy]


def test_a_mode_that_breaks_the_limit_is_not_chosen():
    limit = (fastest_ms(BLIND) + fastest_ms(SEEING)) / 2
    distribution = Distribution(
        Candidates(SPACE, setting(SPACE, limit), PLAIN), task(), task().validation, OPTIONS
    )
    # Uniform: its mode is the first value of each variable, at a cut too slow for this limit.
    candidate, _ = distribution.chosen()
    assert distribution.candidates.scored(candidate).feasible
    hopeless = Distribution(Candidates(SPACE, setting(SPACE, 1e-3), PLAIN), task(), task().validation, OPTIONS)
    with pytest.raises(InfeasibleError, match="misses it by"):
        hopeless.chosen()


def test_theta_learns_from_images_that_no_weight_is_trained_on():
    whole = task().train
    shown, held_out = split_off(whole)
    assert len(shown) + len(held_out) == len(whole)
    assert len(held_out) == len(whole) // EVERY
    rows = {image.tobytes() for image in shown.images}
    assert not any(image.tobytes() in rows for image in held_out.images)
    with pytest.raises(InputError, match="too few"):
        split_off(whole.take(EVERY - 1))


def test_a_saved_state_is_whole_and_of_the_same_problem():
    candidates = Candidates(SPACE, setting(SPACE, 100.0), PLAIN)
    distribution = Distribution(candidates, task(), task().validation, OPTIONS)
    state = distribution.state()
    distribution.restore(state)
    assert distribution.state() == state
    other = Distribution(Candidates(SPACE, setting(SPACE, 100.0), PLAIN[:2]), task(), task().validation, OPTIONS)
    with pytest.raises(InputError, match="other variables"):
        other.restore(state)
    for damaged in ("", "[]", '{"algorithm": {}}', state[:-20]):
        with pytest.raises(InputError):
            distribution.restore(damaged)


def test_its_name_says_what_it_is_for():
    names = {
        Distribution(Candidates(SPACE, wanted, PLAIN), task(), task().validation, OPTIONS).name
        for wanted in (
            setting(SPACE, 5.0), setting(SPACE, 6.0), setting(SPACE, 5.0, percentile=90.0),
            setting(SPACE, 5.0, raw_input_stays=False), setting(SPACE, 5.0, arena_bytes=10_000),
            replace(setting(SPACE, 5.0), server=setting(SPACE, 5.0).board),
        )
    }  # fmt: skip
    assert len(names) == 6
