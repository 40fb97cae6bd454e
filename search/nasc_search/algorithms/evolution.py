"""Regularised evolution (Real et al. 2019, arXiv 1802.01548, algorithm 1): the oldest dies, the best drawn breeds.

A child differs from its parent in one variable. Population and sample are smaller than the paper's 100 and 25, which
are made for tens of thousands of evaluations.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, Final

from nasc_search.algorithms.algorithm import Turns, pack_told, unpack_told
from nasc_search.algorithms.problem import Outcome, Point, Problem

_POPULATION: Final = 30
_SAMPLE: Final = 10


class Evolution(Turns):
    """Infeasible points compete by their violation."""

    name: ClassVar[str] = "evolution"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self._living: deque[tuple[Point, Outcome]] = deque(maxlen=_POPULATION)
        self._free = [index for index, size in enumerate(problem.sizes) if size > 1]

    def _propose(self) -> Point:
        if len(self._living) < _POPULATION or not self._free:
            return self._random()
        drawn = self.rng.choice(_POPULATION, size=_SAMPLE, replace=False)
        parent, _ = max((self._living[int(index)] for index in drawn), key=lambda told: told[1].rank)
        place = self._free[int(self.rng.integers(len(self._free)))]
        size = self.problem.sizes[place]
        value = (parent[place] + 1 + int(self.rng.integers(size - 1))) % size
        return (*parent[:place], value, *parent[place + 1 :])

    def _learn(self, point: Point, outcome: Outcome) -> None:
        self._living.append((point, outcome))

    def _pack(self) -> Any:
        return pack_told(list(self._living))

    def _unpack(self, own: Any) -> None:
        self._living = deque(unpack_told(self.problem, own), maxlen=_POPULATION)
