"""One body over all algorithms: turns, seeds, state that is values, the optimum of a small problem."""

import json

import pytest

from nasc_sdk.errors import InputError
from nasc_search.algorithms.algorithm import Turns
from nasc_search.algorithms.problem import Outcome, Problem, Variable
from nasc_search.algorithms.run import Search, run
from tests.algorithms.problems import ALGORITHMS, evaluate, optimum, problem


@pytest.fixture(params=ALGORITHMS, ids=lambda made: made.name)
def make(request):
    return request.param


def play(algorithm: Turns, steps):
    asked = []
    for _ in range(steps):
        asked.append(algorithm.ask())
        algorithm.tell(asked[-1], evaluate(asked[-1]))
    return asked


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("steps", [3, 41, 82])
def test_a_restored_search_continues_as_the_uninterrupted_one(make, known, steps):
    whole = make(problem(known), 5)
    play(whole, steps)
    whole.ask()
    saved = json.loads(json.dumps(whole.state()))
    resumed = make(problem(known), 99)
    resumed.restore(saved)
    assert play(resumed, 25) == play(whole, 25)
    assert resumed.state() == whole.state()


def test_state_is_a_copy(make):
    algorithm = make(problem(), 1)
    play(algorithm, 12)
    before = algorithm.state()
    kept = json.dumps(before)
    play(algorithm, 50)
    assert json.dumps(before) == kept


def test_equal_seeds_ask_equal_points(make):
    assert play(make(problem(), 3), 60) == play(make(problem(), 3), 60)


def test_asking_again_gives_the_pending_point(make):
    algorithm = make(problem(), 0)
    assert algorithm.ask() == algorithm.ask()


def test_only_the_pending_point_is_told(make):
    algorithm = make(problem(), 0)
    with pytest.raises(InputError, match="not asked"):
        algorithm.tell((0, 0, 0, 0, 0), Outcome((0.5,)))
    asked = algorithm.ask()
    other = (*asked[:-1], (asked[-1] + 1) % 3)
    with pytest.raises(InputError, match="not asked"):
        algorithm.tell(other, Outcome((0.5,)))
    algorithm.tell(asked, Outcome((0.5,)))


@pytest.mark.parametrize("known", [True, False])
def test_the_optimum_of_a_small_problem_is_found(make, known):
    best = optimum()
    search = Search(make(problem(known), 2), best)
    ended = run(search, evaluate, 768, enough=lambda progress: (progress.gap or 0.0 if progress.best else 1.0) <= 1e-12)
    assert ended.best is not None
    assert ended.best[1].objectives[0] == pytest.approx(best)


@pytest.mark.parametrize("sizes", [(1,), (1, 2, 1), (3,)])
def test_variables_of_one_value_are_no_choice(make, sizes):
    tiny = Problem(tuple(Variable(f"v{place}", size) for place, size in enumerate(sizes)))
    search = Search(make(tiny, 0))
    ended = run(search, lambda point: Outcome((float(sum(point)),)), tiny.count)
    assert ended.best is not None
    assert ended.best[0] == tuple(size - 1 for size in sizes)


def test_a_state_of_another_algorithm_is_refused(make):
    other = next(one for one in ALGORITHMS if one is not make)
    with pytest.raises(InputError, match="the saved search ran"):
        make(problem(), 0).restore(other(problem(), 0).state())


def test_a_state_of_another_space_is_refused(make):
    other = Problem((Variable("edge 0", 4), Variable("cut", 2)))
    with pytest.raises(InputError, match="other variables"):
        make(problem(), 0).restore(make(other, 0).state())


@pytest.mark.parametrize("missing", ["algorithm", "variables", "generator", "pending", "own"])
def test_a_state_without_an_entry_is_refused(make, missing):
    state = make(problem(), 0).state()
    del state[missing]
    with pytest.raises(InputError, match="not whole"):
        make(problem(), 0).restore(state)
