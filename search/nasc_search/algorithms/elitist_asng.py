"""ASNG for outcomes that do not change, where each distinct evaluation counts. Its departures from the paper:

* A pair is a fresh sample and the best point of the descent so far, not two fresh samples: half the evaluations.
* Points told before, or known in advance to be infeasible, are drawn again, a bounded number of times: theta then
  descends within the limit instead of being pushed away from it, where the best points lie.
* Violations are graded against objectives: at first a violation of one, twice the limit, weighs half the standard
  deviation of the first objectives told. The weight grows with every sample while the best point is infeasible and
  shrinks while it is not, which keeps the descent near the limit.
* The margin is half the published one.
* When nothing better has come for some samples, the mode is asked and the descent starts anew: the paper leaves the
  end to the budget.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np

from nasc_search.algorithms.algorithm import pack_told, unpack_told
from nasc_search.algorithms.asng import ASNG
from nasc_search.algorithms.problem import Outcome, Point, Problem

_PATIENCE: Final = 60
"""Samples in a row that bring nothing better, before a new descent."""
_DRAWS: Final = 100
"""At most, for one that is new and not known to be infeasible."""
_SCALED_BY: Final = 20
"""Objectives that set the scale of violations."""
_FIRST_WEIGHT: Final = 0.5
_GROWTH: Final = 1.1
"""Of the weight of violations, a sample."""
_LEAST_WEIGHT: Final = 0.1
_MOST_WEIGHT: Final = 1e6


class ElitistASNG(ASNG):
    """Remembers which points were told, and the best of its descent."""

    name: ClassVar[str] = "asng"
    margin: ClassVar[float] = 0.5

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self._weight = _FIRST_WEIGHT
        self._told: dict[Point, None] = {}
        self._objectives: list[float] = []

    def _begin(self) -> None:
        super()._begin()
        self._elite: tuple[Point, Outcome] | None = None
        self._stale = 0

    def _propose(self) -> Point:
        if self._stale >= _PATIENCE:
            return self.mode
        drawn = self._drawn(_DRAWS)
        if self.problem.violation is not None:
            kept = self.problem.violation(drawn) <= 0
            drawn = drawn[kept] if kept.any() else drawn[:1]
        points = [tuple(row) for row in drawn.tolist()]
        return next((point for point in points if point not in self._told), points[0])

    def _learn(self, point: Point, outcome: Outcome) -> None:
        if point not in self._told and outcome.objectives and len(self._objectives) < _SCALED_BY:
            self._objectives.append(outcome.objectives[0])
        self._told[point] = None
        if self._stale >= _PATIENCE:
            self._begin()
        elif self._elite is None:
            self._elite = point, outcome
        else:
            self._compare(self._elite, (point, outcome))

    def _compare(self, elite: tuple[Point, Outcome], fresh: tuple[Point, Outcome]) -> None:
        old, new = self._merits(elite[1], fresh[1])
        if new > old:
            self._step(fresh[0], elite[0])
        elif new < old:
            self._step(elite[0], fresh[0])
        self._stale = 0 if new > old else self._stale + 1
        self._elite = fresh if new >= old else elite
        growth = 1 / _GROWTH if self._elite[1].feasible else _GROWTH
        self._weight = min(max(self._weight * growth, _LEAST_WEIGHT), _MOST_WEIGHT)

    def _merits(self, one: Outcome, other: Outcome) -> tuple[tuple[float, float], tuple[float, float]]:
        """What two outcomes are compared by: ranks, where one was known to be infeasible and has no objective."""
        if not (one.objectives and other.objectives):
            return one.rank, other.rank
        scale = self._weight * float(np.std(self._objectives))
        first, second = (
            (outcome.objectives[0] - scale * max(outcome.violation, 0.0), -max(outcome.violation, 0.0))
            for outcome in (one, other)
        )
        return first, second

    def _pack(self) -> Any:
        return {
            **super()._pack(), "weight": self._weight, "told": list(map(list, self._told)),
            "objectives": list(self._objectives), "stale": self._stale,
            "elite": pack_told([] if self._elite is None else [self._elite]),
        }  # fmt: skip

    def _unpack(self, own: Any) -> None:
        super()._unpack(own)
        self._weight, self._stale = float(own["weight"]), int(own["stale"])
        self._told = {self.problem.check(point): None for point in own["told"]}
        self._objectives = list(map(float, own["objectives"]))
        self._elite = next(iter(unpack_told(self.problem, own["elite"])), None)
