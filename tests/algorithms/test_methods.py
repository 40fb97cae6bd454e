"""What is particular to each algorithm, against its paper."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.algorithms.asng import ASNG
from nasc_search.algorithms.candidates import Candidates
from nasc_search.algorithms.elitist_asng import ElitistASNG
from nasc_search.algorithms.exhaustive import Exhaustive
from nasc_search.algorithms.model_based import ModelBased
from nasc_search.algorithms.nsga2 import NSGA2, crowding, fronts
from nasc_search.algorithms.problem import Outcome, Problem, Variable, dominates
from nasc_search.algorithms.run import Search, run
from nasc_search.algorithms.surrogate import expected_improvement, normal_cdf
from tests.algorithms.problems import evaluate, large, problem


@pytest.mark.parametrize(("make", "margin"), [(ASNG, 1.0), (ElitistASNG, 0.5)])
def test_theta_stays_a_distribution_with_its_margin(make, margin):
    algorithm = make(problem(), 0)
    for _ in range(400):
        point = algorithm.ask()
        algorithm.tell(point, evaluate(point))
        for row, size in enumerate(problem().sizes):
            assert algorithm.theta[row, :size].sum() == pytest.approx(1.0)
            assert algorithm.theta[row, :size].min() >= margin / (5 * (size - 1)) - 1e-12
            assert (algorithm.theta[row, size:] == 0).all()


def test_one_step_has_the_length_of_the_trust_region():
    """Of two values a step d from 1/2 has the Fisher length d / sqrt(1/4); the first step is 1 long."""
    many = Problem(tuple(Variable(f"v{place}", 2) for place in range(100)))
    algorithm = ASNG(many, 0)
    pair = []
    for value in (1.0, 0.0):
        pair.append(algorithm.ask())
        algorithm.tell(pair[-1], Outcome((value,)))
    moved = algorithm.theta - 0.5
    assert 2 * np.sqrt(np.square(moved[:, 0]).sum()) == pytest.approx(1.0)
    better, worse = (np.array(point) for point in pair)
    differ = better != worse
    assert (moved[~differ] == 0).all()
    assert (moved[np.arange(100), better][differ] > 0).all()


def test_samples_of_equal_rank_move_nothing():
    algorithm = ASNG(problem(), 0)
    for _ in range(20):
        algorithm.tell(algorithm.ask(), Outcome((0.5,)))
    assert algorithm.theta == pytest.approx(ASNG(problem(), 0).theta)


def test_the_mode_is_asked_before_a_new_descent():
    algorithm, uniform = ElitistASNG(problem(), 3), ElitistASNG(problem(), 3).theta
    for _ in range(5000):
        before = algorithm.mode
        point = algorithm.ask()
        algorithm.tell(point, evaluate(point))
        if np.array_equal(algorithm.theta, uniform) and point == before:
            break
    else:
        pytest.fail("no new descent in 5000 samples")
    assert point == before


def test_a_descent_ends_when_nothing_better_comes():
    """60 samples after the best; each before moved theta towards it."""
    algorithm, uniform = ElitistASNG(problem(), 0), ElitistASNG(problem(), 0).theta
    moved = []
    for value in (1.0, *[0.5] * 61):
        algorithm.tell(algorithm.ask(), Outcome((value,)))
        moved.append(not np.array_equal(algorithm.theta, uniform))
    assert moved == [False, *[True] * 60, False]


def test_points_told_or_known_to_be_infeasible_are_drawn_again():
    algorithm = ElitistASNG(problem(known=True), 1)
    asked = []
    for _ in range(60):
        asked.append(algorithm.ask())
        algorithm.tell(asked[-1], evaluate(asked[-1]))
    assert all(evaluate(point).feasible for point in asked)
    assert len(set(asked)) == len(asked)


def test_what_is_told_after_the_first_sample_is_compared_with_the_best():
    """The step follows the better of the two, whichever came first."""
    algorithm = ElitistASNG(problem(), 0)
    best = algorithm.ask()
    algorithm.tell(best, Outcome((1.0,)))
    for value in (0.2, 0.4):
        before, point = algorithm.theta, algorithm.ask()
        algorithm.tell(point, Outcome((value,)))
        differ = np.array(point) != np.array(best)
        rows = np.arange(len(best))
        assert (algorithm.theta[rows, best] > before[rows, best])[differ].all()


def test_violations_weigh_against_objectives():
    """Much better and hardly infeasible beats feasible, far from the limit does not; the weight follows the best."""
    algorithm = ElitistASNG(problem(), 0)
    weights = []
    for value, violation in ((0.0, 0.0), (0.1, 0.0), (0.2, 0.0), (0.3, 0.0), (0.4, 0.0), (0.5, 0.1), (0.6, 2.0)):
        algorithm.tell(algorithm.ask(), Outcome((value,), violation))
        weights.append(algorithm.state()["own"]["weight"])
    assert algorithm.state()["own"]["elite"][0][1:] == [[0.5], 0.1]
    assert weights == sorted(weights[:5], reverse=True) + sorted(weights[5:])
    assert weights[4] == pytest.approx(0.5 * 1.1**-4)
    for _ in range(40):
        algorithm.tell(algorithm.ask(), Outcome((0.4,)))
    assert algorithm.state()["own"]["elite"][0][1:] == [[0.4], 0.0]


def test_the_weight_of_violations_stays_a_number():
    algorithm = ElitistASNG(Problem((Variable("a", 2), Variable("b", 2))), 0)
    for _ in range(400):
        algorithm.tell(algorithm.ask(), Outcome((0.5,), 1.0))
    assert algorithm.state()["own"]["weight"] == 1e6


def test_infeasible_points_are_ranked_by_their_violation():
    feasible, near, far = Outcome((0.1,), 0.0), Outcome((0.9,), 0.1), Outcome((0.95,), 0.5)
    assert feasible.rank > near.rank > far.rank
    assert Outcome((), 0.1).rank > far.rank
    assert dominates(feasible, near)
    assert dominates(near, far)
    assert not dominates(far, near)


def test_fronts_against_counting():
    rng = np.random.default_rng(0)
    left = [Outcome(tuple(map(float, rng.integers(6, size=2))), float(rng.integers(0, 2))) for _ in range(60)]
    assert sorted(index for front in fronts(left) for index in front) == list(range(60))
    remaining = set(range(60))
    for front in fronts(left):
        best = {one for one in remaining if not any(dominates(left[other], left[one]) for other in remaining)}
        assert set(front) == best
        remaining -= best


def test_crowding_favours_the_ends_and_the_lonely():
    found = crowding([Outcome((value, -value)) for value in (0.0, 1.0, 2.0, 9.0, 10.0)])
    assert found[0] == found[4] == float("inf")
    assert found[3] > found[1]


def test_nsga2_spreads_along_a_front():
    """Accuracy against cost: no told point dominates one of the front, and both ends are there."""
    algorithm = NSGA2(problem(), 0)

    def both(point):
        return Outcome((evaluate(point).objectives[0], -float(sum(point[:4]))))

    search = Search(algorithm)
    run(search, both, 500)
    front = [outcome for _, outcome in algorithm.front]
    assert not any(dominates(outcome, one) for _, outcome in search.told for one in front)
    costs = {outcome.objectives[1] for outcome in front}
    assert {0.0, -12.0} <= costs
    assert len(costs) >= 8


@pytest.mark.parametrize("make", [ASNG, ElitistASNG, ModelBased])
def test_one_objective_means_one(make):
    algorithm = make(problem(), 0)
    with pytest.raises(InputError, match="nsga2"):
        algorithm.tell(algorithm.ask(), Outcome((0.5, 0.5)))


def test_enumeration_of_too_much_is_refused():
    made, _ = large(known=False)
    with pytest.raises(InputError, match="too many"):
        Exhaustive(made)


def test_the_furthest_from_the_limit_completes_a_candidate():
    """Of a small space every setting is a candidate once, at the cut that takes most off."""
    points = Candidates(problem(known=True)).all
    assert (points[:, 4] == 1).all()
    assert len(np.unique(points, axis=0)) == len(points)


@pytest.mark.parametrize("known", [True, False])
def test_a_space_too_large_to_enumerate_is_searched_by_its_neighbourhoods(known):
    """Additive worth of 22 layers: the model beats what as many random points come to."""
    made, worth = large(known)
    ended = run(Search(ModelBased(made, 1)), worth, 45)
    rng = np.random.default_rng(0)
    drawn = [worth(tuple(map(int, rng.integers(made.sizes)))) for _ in range(2000)]
    luck = max(outcome.objectives[0] for outcome in drawn if outcome.feasible)
    assert ended.best is not None
    assert ended.best[1].objectives[0] > luck


def test_a_feasible_point_is_found_where_almost_none_is():
    made = Problem(tuple(Variable(f"v{place}", 9) for place in range(22)),
                   violation=lambda points: (points > 0).sum(axis=1) / 3 - 1.0)  # fmt: skip
    found = Candidates(made).drawn(np.random.default_rng(0), 200)
    assert ((found > 0).sum(axis=1) <= 3).all()


def test_expected_improvement_against_integration():
    mean, deviation, best = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.5, 1.5]), 0.7
    grid = np.linspace(-12, 12, 200_001)
    for place in range(3):
        away = (grid - mean[place]) / deviation[place]
        density = np.exp(-(away**2) / 2) / (deviation[place] * np.sqrt(2 * np.pi))
        expected = float((np.maximum(grid - best, 0) * density).sum() * (grid[1] - grid[0]))
        assert expected_improvement(mean, deviation, best)[place] == pytest.approx(expected, abs=1e-5)
    assert normal_cdf(np.array([-1.96, 0.0, 1.96])) == pytest.approx([0.0249979, 0.5, 0.9750021], abs=1e-6)


def test_an_objective_at_the_ceiling_is_refused():
    search = Search(ModelBased(problem(), 0))
    with pytest.raises(InputError, match="ceiling"):
        run(search, lambda point: Outcome((1.0 + sum(point),)), 20)
