"""Bayesian optimisation over categorical variables: the default where an evaluation is expensive.

A few points are spread over the space; then each next one has the largest expected improvement under a Gaussian
process of what was told (Jones et al. 1998), times the probability of being feasible where violations are not known in
advance (Gardner et al. 2014). Where they are, only feasible points are asked.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.algorithms.algorithm import Turns, pack_told, unpack_told
from nasc_search.algorithms.candidates import Candidates, as_points
from nasc_search.algorithms.feasibility import Feasibility
from nasc_search.algorithms.problem import Array, Outcome, Point, Points, Problem
from nasc_search.algorithms.surrogate import Columns, Posterior, Weights, choose_weights, expected_improvement

_FIRST: Final = 8
"""Points spread over the space before the model is asked."""
_SPREAD_OVER: Final = 2_000
_WEIGHTS_EVERY: Final = 5
"""Evaluations between two choices of the covariance."""
_FEW: Final = 300
"""Candidates of the largest expected improvement whose completions are compared."""
_PROBED: Final = 100
"""Points from which the completion that is feasible most often is told."""
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
        values = self._values(evaluated)
        weights = self._weights(evaluated)
        posterior = Posterior.of(self._candidates.rows(as_points(evaluated)), values, weights)
        feasible = [value for point, value in zip(evaluated, values, strict=True) if self._told[point].feasible]
        best = max(feasible, default=None)
        if not self._candidates.enumerable:
            return self._climb(evaluated, posterior, best)
        points = self._candidates.all
        if self._columns is None:
            self._columns = Columns(self._candidates.rows(points))
        parts = self._columns.upto(posterior.rows)
        worth = _worth(posterior.predict(self._columns.rows, parts), best)
        if self.problem.violation is not None:
            worth[self._candidates.same_objective(points, as_points(evaluated))] = -np.inf
            return _point(points[int(worth.argmax())])
        return self._most_likely_feasible(points, worth)

    def _learn(self, point: Point, outcome: Outcome) -> None:
        self._told[point] = outcome

    def _spread(self) -> Point:
        """The point furthest, in what the surrogate sees, from those told; the first is random."""
        points = self._candidates.all if self._candidates.enumerable else self._candidates.drawn(self.rng)
        places = self.rng.permutation(len(points))[:_SPREAD_OVER]
        points = points[places]
        if self.problem.violation is None and self._others:
            points = self._with_random_others(points)
        told = as_points(list(self._told))
        if not len(told):
            return _point(points[0])
        rows, known = self._candidates.rows(points), self._candidates.rows(told)
        apart = np.square(rows.features[:, None] - known.features[None]).sum(axis=2).min(axis=1)
        apart[self._are_told(points)] = -1.0
        return _point(points[int(apart.argmax())])

    def _with_random_others(self, points: Points) -> Points:
        points = points.copy()
        for place in self._others:
            points[:, place] = self.rng.integers(self.problem.sizes[place], size=len(points))
        return points

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

    def _climb(self, evaluated: list[Point], posterior: Posterior, best: float | None) -> Point:
        ranked = sorted(self._told, key=lambda point: self._told[point].rank, reverse=True)
        feasibility = self._feasibility() if self.problem.violation is None else None

        def value(points: Points) -> Array:
            worth = _worth(posterior.predict(self._candidates.rows(points)), best)
            if feasibility is not None:
                worth = worth * feasibility.chance(self._candidates.rows(points), points[:, self._others])
            told = self._are_told(points)
            if feasibility is None:
                told |= self._candidates.same_objective(points, as_points(evaluated))
            return np.where(told, -np.inf, worth)

        return _point(self._candidates.climbed(self.rng, as_points(ranked[:_GOOD]), value)[0])

    def _most_likely_feasible(self, points: Points, worth: Array) -> Point:
        """The best product of worth and chance: over all points at the completion that is feasible most often, then
        over all completions of those that come out best."""
        feasibility = self._feasibility()

        def chance(asked: Points) -> Array:
            return feasibility.chance(self._candidates.rows(asked), asked[:, self._others])

        probed = points[self.rng.permutation(len(points))[:_PROBED]]
        usual = int(chance(self._candidates.completions(probed)).reshape(len(probed), -1).mean(axis=0).argmax())
        product = worth * chance(self._candidates.completions(points, usual))
        few = np.argsort(-product, kind="stable")[:_FEW]
        expanded = self._candidates.completions(points[few])
        product = np.repeat(worth[few], len(expanded) // len(few)) * chance(expanded)
        product[self._are_told(expanded)] = -np.inf
        return _point(expanded[int(product.argmax())])

    def _feasibility(self) -> Feasibility:
        told = as_points(list(self._told))
        violations = np.array([outcome.violation for outcome in self._told.values()])
        return Feasibility.of(self._candidates.rows(told), told[:, self._others], violations)

    def _are_told(self, points: Points) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.array([tuple(row) in self._told for row in points.tolist()], bool)

    def _pack(self) -> Any:
        return pack_told(list(self._told.items()))

    def _unpack(self, own: Any) -> None:
        self._told = dict(unpack_told(self.problem, own))
        self._columns = self._chosen = None


def _worth(predicted: tuple[Array, Array], best: float | None) -> Array:
    """Expected improvement, of which the mean decides where it vanishes; one for all while none is feasible."""
    mean, deviation = predicted
    if best is None:
        return np.ones(len(mean))
    return expected_improvement(mean, deviation, best) + _TINY * mean


def _point(row: Points) -> Point:
    return tuple(int(value) for value in row)
