"""The loop: what counts, what is kept, how it ends."""

import json

import numpy as np
import pytest

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.algorithms.choice import AlgorithmName, open_algorithm
from nasc_search.algorithms.exhaustive import Exhaustive
from nasc_search.algorithms.model_based import ModelBased
from nasc_search.algorithms.problem import Outcome, Problem, Variable
from nasc_search.algorithms.random_search import RandomSearch
from nasc_search.algorithms.run import Search, load_checkpoint, run
from tests.algorithms.problems import evaluate, optimum, problem


class Counting:
    """Evaluates, and remembers what it was asked."""

    def __init__(self, fail_at=None):
        self.points, self.fail_at = [], fail_at

    def __call__(self, point):
        if len(self.points) == self.fail_at:
            raise KeyboardInterrupt
        self.points.append(point)
        return evaluate(point)


@pytest.mark.parametrize("name", list(AlgorithmName))
def test_no_point_is_evaluated_twice_and_the_budget_holds(name):
    counting = Counting()
    ended = run(Search(open_algorithm(name, problem(), 4)), counting, 70)
    assert ended.evaluations == len(counting.points) == 70
    assert len(set(counting.points)) == 70


@pytest.mark.parametrize("name", list(AlgorithmName))
def test_points_known_to_be_infeasible_are_not_evaluated(name):
    counting = Counting()
    run(Search(open_algorithm(name, problem(known=True), 4)), counting, 40)
    assert all(evaluate(point).feasible for point in counting.points)


@pytest.mark.parametrize("name", list(AlgorithmName))
def test_an_interrupted_run_goes_on_from_its_file(tmp_path, name):
    file = tmp_path / "search.json"
    whole = Search(open_algorithm(name, problem(), 8))
    run(whole, evaluate, 50)
    interrupted = Search(open_algorithm(name, problem(), 8))
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, Counting(fail_at=23), 50, checkpoint=file)
    resumed = Search(open_algorithm(name, problem(), 0))
    resumed.restore(load_checkpoint(file))
    assert resumed.progress.evaluations == 23
    counting = Counting()
    ended = run(resumed, counting, 50, checkpoint=file)
    assert resumed.told == whole.told
    assert len(counting.points) == 27
    assert ended.best == whole.progress.best


def test_enumeration_proves_its_answer():
    search = Search(Exhaustive(problem()))
    ended = run(search, evaluate, problem().count)
    assert ended.gap == 0.0
    assert ended.best is not None
    assert ended.best[1].objectives[0] == pytest.approx(optimum())
    assert ended.evaluations == 768


def test_the_gap_is_unknown_before_enumeration_ends():
    assert run(Search(Exhaustive(problem())), evaluate, 767).gap is None


def test_progress_is_told_after_every_evaluation():
    heard = []
    run(Search(RandomSearch(problem(), 0), optimum()), evaluate, 30, on_progress=heard.append)
    assert [one.evaluations for one in heard] == list(range(1, 31))
    gaps = [one.gap for one in heard if one.gap is not None]
    assert gaps == sorted(gaps, reverse=True)
    assert "30 evaluations, best 0." in str(heard[-1])
    assert "gap" in str(heard[-1])


@pytest.mark.parametrize("name", list(AlgorithmName))
def test_an_empty_feasible_set_ends_and_says_so(name):
    never = Problem((Variable("a", 3), Variable("b", 3)), violation=lambda points: 1.0 + points.sum(axis=1) / 10)
    with pytest.raises(InfeasibleError):
        run(Search(open_algorithm(name, never, 0)), evaluate, 20)


def test_the_nearest_miss_is_named():
    search = Search(RandomSearch(problem(), 0))
    with pytest.raises(InfeasibleError, match=r"misses it by 25\.0%"):
        run(search, lambda point: Outcome((0.5,), 0.25 + point[0]), 60)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(InputError, match="budget"):
        run(Search(RandomSearch(problem(), 0)), evaluate, 0)


@pytest.mark.parametrize("cut", [0, 1, 40, -5])
def test_a_truncated_checkpoint_is_refused(tmp_path, cut):
    file = tmp_path / "search.json"
    search = Search(ModelBased(problem(), 1))
    run(search, evaluate, 12, checkpoint=file)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(InputError, match="no saved search"):
        load_checkpoint(file)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"known": [[[9, 9, 9, 9, 9], [0.5], 0.0]]},
        {"known": [[[0, 0, 0, 0, 0], ["much"], 0.0]]},
        {"algorithm": {}},
        {"asked": None},
    ],
)
def test_a_changed_checkpoint_is_refused(change):
    search = Search(ModelBased(problem(), 1))
    run(search, evaluate, 12)
    state = json.loads(json.dumps(search.state())) | change
    with pytest.raises(InputError):
        Search(ModelBased(problem(), 1)).restore(state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_evaluation_that_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="not finite"):
        Outcome((value,))
    with pytest.raises(InputError, match="not finite"):
        Outcome((0.5,), value)


def test_points_of_another_space_are_refused():
    for wrong in ((0, 0), (0, 0, 0, 0, 3), (0, 0, 0, 0, -1), (0.5, 0, 0, 0, 0)):
        with pytest.raises(InputError, match="no point"):
            problem().check(wrong)
    assert problem().check(np.array([1, 2, 3, 0, 2])) == (1, 2, 3, 0, 2)
