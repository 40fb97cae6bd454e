"""Every point once, in order: exact, for tables that are small or free."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.algorithms.algorithm import Turns
from nasc_search.algorithms.problem import Outcome, Point, Problem

_MOST: Final = 10_000_000


class Exhaustive(Turns):
    """The last variable turns fastest; at the end the best point told is the optimum."""

    name: ClassVar[str] = "exhaustive"
    objectives: ClassVar[int | None] = None

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        if problem.count > _MOST:
            raise InputError(f"{problem.count} points are too many to try each ({_MOST} at most); use another one")
        super().__init__(problem, seed)
        self._told = 0

    @property
    def finished(self) -> bool:
        """Whether every point was told."""
        return self._told >= self.problem.count

    def _propose(self) -> Point:
        if self.finished:
            raise InputError("every point was asked")
        return tuple(int(value) for value in np.unravel_index(self._told, self.problem.sizes))

    def _learn(self, point: Point, outcome: Outcome) -> None:
        self._told += 1

    def _pack(self) -> Any:
        return self._told

    def _unpack(self, own: Any) -> None:
        self._told = int(own)
