"""The interface of all algorithms, and what they share: turns, a seeded generator, state as plain JSON.

Rule 1: ``ask`` gives the same point until that point is told; only it may be told.
Rule 2: what an algorithm will ask is a function of its state alone: saved, sent through JSON and restored, it goes on
    exactly as it would have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.algorithms.problem import Outcome, Point, Problem

State = dict[str, Any]
"""Plain JSON."""


class Algorithm(Protocol):
    """Proposes points and learns from their outcomes."""

    @property
    def problem(self) -> Problem:
        """What is searched."""

    @property
    def finished(self) -> bool:
        """Whether every point was asked, so that nothing better can come."""

    def ask(self) -> Point:
        """The point to evaluate next."""

    def tell(self, point: Point, outcome: Outcome) -> None:
        """What the point that was asked came to; InputError for any other."""

    def state(self) -> State:
        """All that the algorithm knows, as plain JSON."""

    def restore(self, state: State) -> None:
        """Go on from a saved state; InputError when it is of another algorithm or problem, or not whole."""


class Turns(ABC):
    """What every algorithm here is: turns and the generator; its own part is in four methods."""

    name: ClassVar[str]
    objectives: ClassVar[int | None] = 1
    """How many it can maximise; None for any number."""

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        self.problem = problem
        self.rng = np.random.default_rng(seed)
        self._pending: Point | None = None

    @property
    def finished(self) -> bool:
        """Whether every point was asked."""
        return False

    def ask(self) -> Point:
        """The point to evaluate next."""
        if self._pending is None:
            self._pending = self._propose()
        return self._pending

    def tell(self, point: Point, outcome: Outcome) -> None:
        """What the point that was asked came to; InputError for another one, or more objectives than one."""
        if self._pending is None or tuple(point) != self._pending:
            raise InputError(f"{tuple(point)} was not asked; pending is {self._pending}")
        if self.objectives is not None and len(outcome.objectives) > self.objectives:
            raise InputError(f"{self.name} maximises one objective, not {len(outcome.objectives)}: nsga2 takes several")
        asked, self._pending = self._pending, None
        self._learn(asked, outcome)

    def state(self) -> State:
        """All that the algorithm knows, as plain JSON."""
        return {
            "algorithm": self.name,
            "variables": self.problem.described(),
            "generator": self.rng.bit_generator.state,
            "pending": self._pending,
            "own": self._pack(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; InputError when it is of another algorithm or problem, or not whole."""
        try:
            name, variables = state["algorithm"], state["variables"]
            if name != self.name:
                raise InputError(f"the saved search ran {name!r}, not {self.name}; name that algorithm, or start anew")
            if variables != self.problem.described():
                raise InputError("the saved search is of other variables; give the same space, or start anew")
            pending = state["pending"]
            self._unpack(state["own"])
            self._pending = None if pending is None else self.problem.check(pending)
            self.rng.bit_generator.state = state["generator"]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(f"the saved search is not whole: {error!r}; start anew") from error

    def _random(self) -> Point:
        return tuple(int(self.rng.integers(size)) for size in self.problem.sizes)

    @abstractmethod
    def _propose(self) -> Point: ...

    @abstractmethod
    def _learn(self, point: Point, outcome: Outcome) -> None: ...

    @abstractmethod
    def _pack(self) -> Any:
        """What the algorithm knows beyond the turns, as plain JSON."""

    @abstractmethod
    def _unpack(self, own: Any) -> None: ...


def pack_told(told: list[tuple[Point, Outcome]]) -> list[list[Any]]:
    """Points with outcomes as plain JSON."""
    return [[list(point), list(outcome.objectives), outcome.violation] for point, outcome in told]


def unpack_told(problem: Problem, rows: list[list[Any]]) -> list[tuple[Point, Outcome]]:
    """The inverse of :func:`pack_told`; InputError for points of another problem."""
    return [
        (problem.check(point), Outcome(tuple(map(float, objectives)), float(violation)))
        for point, objectives, violation in rows
    ]
