"""Points at random, each as likely as any other: the baseline of every comparison."""

from __future__ import annotations

from typing import Any, ClassVar

from nasc_search.algorithms.algorithm import Turns
from nasc_search.algorithms.problem import Outcome, Point


class RandomSearch(Turns):
    """Uniform, with repetition."""

    name: ClassVar[str] = "random"
    objectives: ClassVar[int | None] = None

    def _propose(self) -> Point:
        return self._random()

    def _learn(self, point: Point, outcome: Outcome) -> None:
        pass

    def _pack(self) -> Any:
        return None

    def _unpack(self, own: Any) -> None:
        pass
