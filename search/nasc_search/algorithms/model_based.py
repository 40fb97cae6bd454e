"""Bayesian optimisation over categorical variables: the default where an evaluation is expensive.

A few points are spread over the space; then each next one has the largest expected improvement under a Gaussian
process of what was told (Jones et al. 1998), times the probability of being feasible where violations are not known in
advance (Gardner et al. 2014). Where they are, only feasible points are asked.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.algorithms.algorithm import Turns, pack_told, unpack_told
from nasc_search.algorithms.candidates import Candidates, as_points
from nasc_search.algorithms.feasibility import OUTRAGEOUS, Feasibility
from nasc_search.algorithms.problem import Array, Outcome, Point, Points, Problem
from nasc_search.algorithms.surrogate import Columns, Posterior, Weights, choose_weights, expected_improvement

_FIRST: Final = 8
"""Points spread over the space before the model is asked."""
_SPREAD_OVER: Final = 2_000
_TRIED: Final = 2
"""Times that each setting of what the objective ignores is told, before the model is asked."""
_FAR: Final = 2.0
"""Violation of a setting's only point at which it is not tried again."""
_WEIGHTS_EVERY: Final = 5
"""Evaluations between two choices of the covariance."""
_FEW: Final = 500
"""Candidates of the largest expected improvement whose completions are compared at a time."""
_GOOD: Final = 5
"""Best points told from whose neighbourhood a local search starts."""
_TINY: Final = 1e-9


class ModelBased(Turns):
    """Told points are all it knows: proposals follow from them and the generator."""

    name: ClassVar[str] = "model"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self._candidates = Candidates(problem)
        self._others = [place for place, variable in enumerate(problem.variables) if not variable.in_objective]
        self._told: dict[Point, Outcome] = {}
        self._columns: Columns | None = None
        self._chosen: tuple[int, Weights] | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to ask that could be better."""
        if self.problem.violation is not None and self._candidates.enumerable:
            return len(self._told) >= len(self._candidates.all)
        return len(self._told) >= self.problem.count

    def _propose(self) -> Point:
        if self.finished:
            raise InputError("every point that could be better was asked")
        evaluated = [point for point, outcome in self._told.items() if outcome.objectives]
        if len(evaluated) < _FIRST:
            return self._spread()
        if self.problem.violation is None and (point := self._untried()) is not None:
            return point
        values = self._values(evaluated)
        weights = self._weights(evaluated)
        posterior = Posterior.of(self._candidates.rows(as_points(evaluated)), values, weights)
        # While none is feasible, all but the hopeless improve on what there is: the chance decides.
        feasible = [self._told[point].feasible for point in evaluated]
        best = float(values[feasible].max() if any(feasible) else values.min() - 1.0)
        if not self._candidates.enumerable:
            return self._climb(evaluated, values, posterior, best)
        points = self._candidates.all
        if self._columns is None:
            self._columns = Columns(self._candidates.rows(points))
        parts = self._columns.upto(posterior.rows)
        worth = _worth(posterior.predict(self._columns.rows, parts), best)
        worth = self._settled(points, worth, evaluated, values - best)
        if self.problem.violation is not None:
            return _point(points[int(worth.argmax())])
        return self._likely_better(points, worth)

    def _learn(self, point: Point, outcome: Outcome) -> None:
        self._told[point] = outcome

    def _spread(self) -> Point:
        """The point furthest, in what the surrogate sees, from those told; the first is random."""
        points = self._candidates.all if self._candidates.enumerable else self._candidates.drawn(self.rng)
        places = self.rng.permutation(len(points))[:_SPREAD_OVER]
        points = points[places]
        if self.problem.violation is None and self._others:
            points = self._with_others_in_turn(points)
        told = as_points(list(self._told))
        if not len(told):
            return _point(points[0])
        rows, known = self._candidates.rows(points), self._candidates.rows(told)
        apart = np.square(rows.features[:, None] - known.features[None]).sum(axis=2).min(axis=1)
        apart[self._are_told(points)] = -1.0
        return _point(points[int(apart.argmax())])

    def _with_others_in_turn(self, points: Points) -> Points:
        """All at one setting of what the objective ignores; over the first points the settings are spread evenly."""
        points, sizes = points.copy(), tuple(self.problem.sizes[place] for place in self._others)
        count = math.prod(sizes)
        points[:, self._others] = np.unravel_index(len(self._told) * count // _FIRST % count, sizes)
        return points

    def _untried(self) -> Point | None:
        """The best point told, at a setting of what the objective ignores that was told only once, of few settings.

        The one point may have been a costly one; far from the limit even that says enough.
        """
        if not self._others or math.prod(self.problem.sizes[place] for place in self._others) > _FIRST:
            return None
        told: dict[tuple[int, ...], list[float]] = {}
        for point, outcome in self._told.items():
            told.setdefault(tuple(point[place] for place in self._others), []).append(outcome.violation)
        best, _ = max(self._told.items(), key=lambda told: told[1].rank)
        for setting, violations in sorted(told.items()):
            row = np.array(best)
            row[self._others] = setting
            if len(violations) < _TRIED and min(violations) < _FAR and _point(row) not in self._told:
                return _point(row)
        return None

    def _values(self, evaluated: list[Point]) -> Array:
        """Objectives of told points, transformed and standardised."""
        objectives = np.array([self._told[point].objectives[0] for point in evaluated])
        if self.problem.ceiling is not None:
            if (objectives >= self.problem.ceiling).any():
                raise InputError(f"an objective of {objectives.max()} reaches the ceiling {self.problem.ceiling}")
            objectives = -np.log(self.problem.ceiling - objectives)
        spread = float(objectives.std())
        return np.asarray((objectives - objectives.mean()) / (spread if spread > 0 else 1.0), np.float64)

    def _weights(self, evaluated: list[Point]) -> Weights:
        """Chosen anew with every few evaluations, from those that were there by then."""
        count = max(len(evaluated) // _WEIGHTS_EVERY * _WEIGHTS_EVERY, _FIRST)
        if self._chosen is None or self._chosen[0] != count:
            early = evaluated[:count]
            self._chosen = count, choose_weights(self._candidates.rows(as_points(early)), self._values(early))
        return self._chosen[1]

    def _climb(self, evaluated: list[Point], values: Array, posterior: Posterior, best: float) -> Point:
        ranked = sorted(self._told, key=lambda point: self._told[point].rank, reverse=True)
        feasibility = self._feasibility() if self.problem.violation is None else None

        def value(points: Points) -> Array:
            worth = _worth(posterior.predict(self._candidates.rows(points)), best)
            worth = self._settled(points, worth, evaluated, values - best)
            if feasibility is not None:
                worth = worth * feasibility.chance(self._candidates.counted(points), points[:, self._others])
            return np.where(self._are_told(points), -np.inf, worth)

        return _point(self._candidates.climbed(self.rng, as_points(ranked[:_GOOD]), value)[0])

    def _settled(self, points: Points, worth: Array, evaluated: list[Point], ahead: Array) -> Array:
        """Where the objective was told, at another setting of what it ignores, no expectation is needed.

        Nothing is left to learn there where violations are known.
        """
        known = self._candidates.agreeing(points, as_points(evaluated))
        if self.problem.violation is not None:
            return np.where(known >= 0, -np.inf, worth)
        return np.where(known >= 0, np.maximum(ahead, 0.0)[known], worth)

    def _likely_better(self, points: Points, worth: Array) -> Point:
        """The best product of worth and chance, over all points and settings of what the objective ignores.

        Points are looked at in the order of their worth, until it falls below the best product.
        """
        feasibility, settings = self._feasibility(), self._candidates.settings
        told = as_points(list(self._told))
        fresh = np.ones((len(points), len(settings)), bool)
        others = (told[:, None, self._others] == settings).all(axis=2).argmax(axis=1)
        fresh[self._candidates.agreeing(told, points), others] = False
        order = np.argsort(-worth, kind="stable")
        best, found = -np.inf, (0, 0)
        for places in np.split(order, np.arange(_FEW, len(order), _FEW)):
            if worth[places[0]] <= best:
                break
            chances = feasibility.chances(self._candidates.counted(points[places]), settings)
            product = np.where(fresh[places], worth[places, None] * chances, -np.inf)
            place, setting = np.unravel_index(int(product.argmax()), product.shape)
            if product[place, setting] > best:
                best, found = float(product[place, setting]), (int(places[place]), int(setting))
        point = points[found[0]].copy()
        point[self._others] = settings[found[1]]
        return _point(point)

    def _feasibility(self) -> Feasibility:
        violations = np.array([outcome.violation for outcome in self._told.values()])
        told, sane = as_points(list(self._told)), violations < OUTRAGEOUS
        if sane.any():
            told, violations = told[sane], violations[sane]
        return Feasibility.of(self._candidates.counted(told), told[:, self._others], violations)

    def _are_told(self, points: Points) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.array([tuple(row) in self._told for row in points.tolist()], bool)

    def _pack(self) -> Any:
        return pack_told(list(self._told.items()))

    def _unpack(self, own: Any) -> None:
        self._told = dict(unpack_told(self.problem, own))
        self._columns = self._chosen = None


def _worth(predicted: tuple[Array, Array], best: float) -> Array:
    """Expected improvement, of which the mean decides where it vanishes."""
    mean, deviation = predicted
    return expected_improvement(mean, deviation, best) + _TINY * mean


def _point(row: Points) -> Point:
    return tuple(int(value) for value in row)
