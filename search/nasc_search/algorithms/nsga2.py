"""NSGA-II (Deb et al. 2002): a population that spreads along the front of several objectives.

Section III: non-dominated fronts, crowding distance, binary tournaments, parents and children compete together;
section VI: constrained domination. On categorical variables crossover takes each value from either parent, and
mutation draws one value in as many as there are variables anew.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from nasc_search.algorithms.algorithm import Turns, pack_told, unpack_told
from nasc_search.algorithms.problem import Outcome, Point, Problem, dominates

_POPULATION: Final = 40
_CROSSOVER: Final = 0.9

Told = tuple[Point, Outcome]


class NSGA2(Turns):
    """One objective or several."""

    name: ClassVar[str] = "nsga2"
    objectives: ClassVar[int | None] = None

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self._parents: list[Told] = []
        """Best first."""
        self._children: list[Told] = []

    @property
    def front(self) -> list[Told]:
        """Feasible points told of the present population that no other dominates."""
        told = [each for each in self._parents + self._children if each[1].feasible]
        best = fronts([outcome for _, outcome in told])[:1]
        return [told[index] for front in best for index in front]

    def _propose(self) -> Point:
        if not self._parents:
            return self._random()
        mother, father = self._tournament(), self._tournament()
        child = list(mother)
        if self.rng.random() < _CROSSOVER:
            from_father = self.rng.random(len(child)) < 0.5
            child = [theirs if take else own for own, theirs, take in zip(mother, father, from_father, strict=True)]
        anew = self.rng.random(len(child)) < 1 / len(child)
        drawn = self._random()
        return tuple(new if take else old for old, new, take in zip(child, drawn, anew, strict=True))

    def _tournament(self) -> Point:
        """The better of two: parents are in order."""
        return self._parents[int(self.rng.integers(len(self._parents), size=2).min())][0]

    def _learn(self, point: Point, outcome: Outcome) -> None:
        self._children.append((point, outcome))
        if len(self._children) == _POPULATION:
            self._parents, self._children = _select(self._parents + self._children), []

    def _pack(self) -> Any:
        return {"parents": pack_told(self._parents), "children": pack_told(self._children)}

    def _unpack(self, own: Any) -> None:
        self._parents = unpack_told(self.problem, own["parents"])
        self._children = unpack_told(self.problem, own["children"])


def fronts(outcomes: list[Outcome]) -> list[list[int]]:
    """Indices by non-domination, the best front first (section III.A)."""
    over: list[list[int]] = [[] for _ in outcomes]
    under = [0] * len(outcomes)
    for one, first in enumerate(outcomes):
        for other, second in enumerate(outcomes):
            if dominates(first, second):
                over[one].append(other)
                under[other] += 1
    found = [[index for index, count in enumerate(under) if count == 0]]
    while found[-1]:
        following = []
        for index in found[-1]:
            for other in over[index]:
                under[other] -= 1
                if under[other] == 0:
                    following.append(other)
        found.append(following)
    return found[:-1]


def crowding(outcomes: list[Outcome]) -> list[float]:
    """Distance to the neighbours on a front, infinite at its ends (section III.B)."""
    distance = np.zeros(len(outcomes))
    for axis in range(min((len(outcome.objectives) for outcome in outcomes), default=0)):
        values = np.array([outcome.objectives[axis] for outcome in outcomes])
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]]
        distance[order[[0, -1]]] = math.inf
        if spread > 0:
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return [float(value) for value in distance]


def _select(told: list[Told]) -> list[Told]:
    """The next parents, best first; of equal points only one stays while others are left."""
    unique = list({point: (point, outcome) for point, outcome in told}.values())
    chosen: list[Told] = []
    for front in fronts([outcome for _, outcome in unique]):
        crowded = crowding([unique[index][1] for index in front])
        order = sorted(range(len(front)), key=lambda place: -crowded[place])
        chosen += [unique[front[place]] for place in order]
    return chosen[:_POPULATION]
