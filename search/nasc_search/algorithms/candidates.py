"""Which points a model is asked about: all of a small space, the neighbourhood of what is good in a large one.

Where violations are known in advance only feasible points are candidates, and of those that differ only in variables
the objective does not depend on, the one that is furthest from the limit.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.errors import InfeasibleError
from nasc_search.algorithms.surrogate import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from nasc_search.algorithms.problem import Array, Point, Points, Problem

_ENUMERABLE: Final = 20_000
"""Settings of the variables that the objective depends on, each looked at for every proposal."""
_COMPLETIONS: Final = 1_000
"""Settings of the others, for each of them."""
_CHUNK: Final = 2_000
_DRAWN: Final = 2_000
_ROUNDS: Final = 50
"""Of drawing and of descending to a feasible point, at most."""
_CLIMBERS: Final = 10
_CLIMBS: Final = 8


class Candidates:
    """Points of a problem, as points and as rows of the surrogate."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._own = [index for index, variable in enumerate(problem.variables) if variable.in_objective]
        self._others = [index for index, variable in enumerate(problem.variables) if not variable.in_objective]
        own, others = (math.prod(problem.sizes[index] for index in part) for part in (self._own, self._others))
        self.enumerable = own <= _ENUMERABLE and others <= _COMPLETIONS

    @cached_property
    def all(self) -> Points:
        """[n, variables]: one of each setting that the objective depends on, feasible where that is known.

        Only of an enumerable space. Raises InfeasibleError when none is feasible.
        """
        own = _grid([self.problem.sizes[index] for index in self._own])
        points = np.zeros((len(own), len(self.problem.variables)), np.int64)
        points[:, self._own] = own
        if self.problem.violation is None:
            return points
        violations = np.empty(len(points))
        for start in range(0, len(points), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            points[chunk], violations[chunk] = self._completed(points[chunk])
        if not (violations <= 0).any():
            raise InfeasibleError(f"no point is feasible: the best misses the limit by {violations.min():.1%}")
        return points[violations <= 0]

    def rows(self, points: Points) -> Rows:
        """What the surrogate sees of points."""
        canonical = points if self.problem.canonical is None else self.problem.canonical(points)
        return Rows(canonical[:, self._own], (self._raw_features(points) - self._scale[0]) / self._scale[1])

    def counted(self, points: Points) -> Rows:
        """Their choices, and as features how often each value is chosen, near a mean square norm of one."""
        canonical = points if self.problem.canonical is None else self.problem.canonical(points)
        choices, values = canonical[:, self._own], max(self.problem.sizes[place] for place in self._own)
        counts = (choices[:, :, None] == np.arange(values)).sum(axis=1)
        expected = choices.shape[1] / values
        return Rows(choices, (counts - expected) / math.sqrt(max(expected * (values - 1), 1.0)))

    def agreeing(self, points: Points, told: Points) -> Points:
        """[n] Which told point agrees in all that the objective depends on, the first of them; -1 where none does."""
        sizes = [self.problem.sizes[place] for place in self._own]
        if math.prod(sizes) < 2**62:
            own, known = (np.ravel_multi_index(tuple(part[:, self._own].T), sizes) for part in (points, told))
            numbers, first = np.unique(known, return_index=True)
            places = np.searchsorted(numbers, own).clip(max=len(numbers) - 1)
            return np.where(numbers[places] == own, first[places], -1)
        index = {tuple(row): place for place, row in reversed(list(enumerate(told[:, self._own].tolist())))}
        return np.array([index.get(tuple(row), -1) for row in points[:, self._own].tolist()], np.int64)

    @cached_property
    def settings(self) -> Points:
        """[completions, o]: every setting of the variables that the objective ignores."""
        return _grid([self.problem.sizes[index] for index in self._others])[:_COMPLETIONS]

    def completions(self, points: Points) -> Points:
        """[n * completions, variables]: each at every setting of the other variables."""
        others = self.settings
        expanded = np.repeat(points, len(others), axis=0)
        expanded[:, self._others] = np.tile(others, (len(points), 1))
        return expanded

    def drawn(self, rng: np.random.Generator, count: int = _DRAWN) -> Points:
        """Random points, feasible ones where that is known; InfeasibleError when none can be found."""
        points = self._uniform(rng, count)
        if self.problem.violation is None:
            return points
        violations = self.problem.violation(points)
        for _ in range(_ROUNDS):
            if (violations <= 0).sum() >= count // 10:
                break
            # Mutants of those that come closest join, the worst leave.
            best = points[np.argsort(violations, kind="stable")[: count // 4]]
            joined = np.unique(np.vstack([points, self._mutants(rng, best, count)]), axis=0)
            found = self.problem.violation(joined)
            kept = np.argsort(found, kind="stable")[:count]
            points, violations = joined[kept], found[kept]
        if not (violations <= 0).any():
            raise InfeasibleError(f"no feasible point was found: the best misses the limit by {violations.min():.1%}")
        return points[violations <= 0]

    def climbed(self, rng: np.random.Generator, good: Points, value: Callable[[Points], Array]) -> Points:
        """[1, variables]: of the highest value that local search finds, from random points and from ``good``."""
        pool = np.unique(np.vstack([self.drawn(rng), *map(self._neighbours, good)]), axis=0)
        for _ in range(_CLIMBS):
            pool = self._feasible(pool)
            values = value(pool)
            kept = pool[np.argsort(-values, kind="stable")[:_CLIMBERS]]
            grown = np.unique(np.vstack([kept, *map(self._neighbours, kept)]), axis=0)
            if np.array_equal(grown, pool):
                break
            pool = grown
        pool = self._feasible(pool)
        return pool[[int(value(pool).argmax())]]

    def _feasible(self, points: Points) -> Points:
        if self.problem.violation is None:
            return points
        return points[self.problem.violation(points) <= 0]

    def _completed(self, points: Points) -> tuple[Points, Array]:
        if self.problem.violation is None:
            return points, np.zeros(len(points))
        expanded = self.completions(points)
        violations = self.problem.violation(expanded).reshape(len(points), -1)
        least = violations.argmin(axis=1)
        places = np.arange(len(points))
        chosen = expanded.reshape(len(points), -1, points.shape[1])[places, least]
        return np.asarray(chosen, np.int64), violations[places, least]

    def _uniform(self, rng: np.random.Generator, count: int) -> Points:
        drawn = [rng.integers(size, size=count) for size in self.problem.sizes]
        return np.asarray(np.stack(drawn, axis=1), np.int64)

    def _mutants(self, rng: np.random.Generator, points: Points, count: int) -> Points:
        parents = points[rng.integers(len(points), size=count)]
        anew = rng.random(parents.shape) < 2 / parents.shape[1]
        return np.asarray(np.where(anew, self._uniform(rng, count), parents), np.int64)

    def _neighbours(self, point: Points) -> Points:
        """All points that differ in one variable."""
        found = []
        for place, size in enumerate(self.problem.sizes):
            changed = np.tile(point, (size, 1))
            changed[:, place] = np.arange(size)
            found.append(changed[np.arange(size) != point[place]])
        return np.asarray(np.vstack(found), np.int64)

    def _raw_features(self, points: Points) -> Array:
        if self.problem.features is None:
            hot = [np.eye(self.problem.sizes[place])[points[:, place]] for place in self._own]
            return np.hstack(hot)
        return np.asarray(self.problem.features(points), np.float64)

    @cached_property
    def _scale(self) -> tuple[Array, Array]:
        """Mean and divisor of each feature over the space, so that squares of a row add up to one on average."""
        sample = self._uniform(np.random.default_rng(0), _DRAWN)
        raw = self._raw_features(sample)
        deviation = raw.std(axis=0)
        varying = max(int((deviation > 0).sum()), 1)
        return raw.mean(axis=0), np.where(deviation > 0, deviation, np.inf) * math.sqrt(varying)


def as_points(told: list[Point]) -> Points:
    """[n, variables]"""
    return np.array(told, np.int64)


def _grid(sizes: list[int]) -> Points:
    """All settings, the last turning fastest."""
    return np.stack(np.unravel_index(np.arange(math.prod(sizes)), tuple(sizes) or (1,)), axis=1)[:, : len(sizes)]
