"""What is searched: categorical variables, what an evaluation says of a point, and which of two answers is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError

Point = tuple[int, ...]
"""One choice for each variable."""
Points = NDArray[np.int64]
"""[n, variables]"""
Array = NDArray[np.float64]
_LEAST: Final = -math.inf


@dataclass(frozen=True, slots=True)
class Variable:
    """One categorical variable."""

    name: str
    size: int
    """Number of its values, which are 0 to size - 1 and have no order."""
    in_objective: bool = True
    """False where only the constraint depends on it, as a cut that loses no accuracy."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Variables, and what is known of the problem without an evaluation; all of it but the variables is optional."""

    variables: tuple[Variable, ...]
    violation: Callable[[Points], Array] | None = None
    """[n, variables] -> [n], as :attr:`Outcome.violation`: known in advance and cheap, e.g. from a cost model."""
    canonical: Callable[[Points], Points] | None = None
    """[n, variables] -> [n, variables]: points of equal form should have nearly equal objectives."""
    features: Callable[[Points], Array] | None = None
    """[n, variables] -> [n, any]: what explains the objective, in any scale."""
    ceiling: float | None = None
    """A bound that no objective reaches: ``-log(ceiling - objective)`` is modelled, which tells the best apart."""

    def __post_init__(self) -> None:
        if not self.variables:
            raise InputError("a problem without variables has nothing to search")
        for variable in self.variables:
            if variable.size < 1:
                raise InputError(f"variable {variable.name} has {variable.size} values; it needs one at least")
        if len({variable.name for variable in self.variables}) != len(self.variables):
            raise InputError("two variables of a problem have the same name")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each variable."""
        return tuple(variable.size for variable in self.variables)

    @property
    def count(self) -> int:
        """Number of points."""
        return math.prod(self.sizes)

    def check(self, point: Sequence[int]) -> Point:
        """The point itself; InputError when it is none of this problem."""
        whole = all(isinstance(value, int | np.integer) for value in point)
        if not whole or len(point) != len(self.variables) or not all(
            0 <= value < size for value, size in zip(point, self.sizes, strict=True)
        ):
            raise InputError(f"{tuple(point)} is no point of variables with {self.sizes} values")
        return tuple(int(value) for value in point)

    def violation_of(self, point: Point) -> float:
        """Of one point, where violations are known in advance; 0 where they are not."""
        if self.violation is None:
            return 0.0
        return float(self.violation(np.array([point], np.int64))[0])

    def described(self) -> list[list[Any]]:
        """The variables as plain JSON: a saved search belongs to them."""
        return [[variable.name, variable.size, variable.in_objective] for variable in self.variables]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is told of a point."""

    objectives: tuple[float, ...]
    """To be maximised; empty where nothing was evaluated because the point is known to be infeasible."""
    violation: float = 0.0
    """0 or less: feasible. Above: by how much not, e.g. ``(latency - limit) / limit``, so that infeasible points of
    different degree can be told apart."""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.objectives, self.violation))):
            raise InputError(f"an evaluation gave {self.objectives} with violation {self.violation}: not finite")
        if not self.objectives and self.feasible:
            raise InputError("a feasible point was told without an objective")

    @property
    def feasible(self) -> bool:
        """Whether the constraint is kept."""
        return self.violation <= 0

    @property
    def rank(self) -> tuple[float, float]:
        """The larger the better: feasible first, among them the objective, else the least violation (Deb 2000)."""
        objective = self.objectives[0] if self.objectives else _LEAST
        return (0.0, objective) if self.feasible else (-self.violation, objective)


def dominates(one: Outcome, other: Outcome) -> bool:
    """Constrained domination, Deb et al. 2002, definition 1."""
    if not (one.feasible and other.feasible):
        return one.feasible > other.feasible or (not one.feasible and one.violation < other.violation)
    pairs = list(zip(one.objectives, other.objectives, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
