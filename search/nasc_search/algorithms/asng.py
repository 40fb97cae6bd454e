"""Adaptive stochastic natural gradient on categorical distributions (Akimoto et al., ICML 2019, arXiv 1905.08537).

As published: one distribution over all variables jointly, ``theta[i, k]`` the probability of value k of variable i. Of
each pair of samples the better pulls theta towards itself, the worse pushes (ranks, not values). The step along the
natural gradient has the length ``delta = 1 / Delta`` in the Fisher metric, a trust region that grows while successive
steps agree, as told by their accumulation s against gamma (algorithm 1). Theta keeps a margin of
``1 / (variables * (values - 1))``, so that no value dies out. The answer is the mode of the distribution.

What is not in the paper is a constraint: infeasible points rank by their violation. :mod:`.elitist_asng` builds on this
a search of outcomes that do not change; here they may, as the losses of weights in training do.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from nasc_search.algorithms.algorithm import Turns, pack_told, unpack_told
from nasc_search.algorithms.problem import Array, Outcome, Point, Points, Problem

_PAIR: Final = 2
"""Samples an update, lambda."""
_ALPHA: Final = 1.5
"""Signal-to-noise ratio at which the trust region keeps its size."""
_CONVERGED: Final = 0.95
"""Mean of the modes' probabilities, of the most that the margins allow."""
_TINY: Final = 1e-9


class ASNG(Turns):
    """Infeasible points rank by their violation."""

    name: ClassVar[str] = "asng-published"
    margin: ClassVar[float] = 1.0
    """Of the published one."""

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self._sizes = np.array(problem.sizes)
        self._mask = np.arange(self._sizes.max()) < self._sizes[:, None]
        self._choosing = max(int((self._sizes > 1).sum()), 1)
        self._freedom = max(int((self._sizes - 1).sum()), 1)
        self._samples: list[tuple[Point, Outcome]] = []
        self._begin()

    def _begin(self) -> None:
        self.theta: Array = self._mask / self._sizes[:, None]
        """[variables, largest size], rows add up to 1."""
        self._sum = np.zeros(self._mask.shape)
        self._gamma, self._big_delta = 0.0, 1.0

    @property
    def mode(self) -> Point:
        """The most likely point."""
        return tuple(int(value) for value in self.theta.argmax(axis=1))

    @property
    def converged(self) -> bool:
        """Whether theta is close to its margins."""
        most = 1 - self.margin / self._choosing if self._choosing > 1 else 1.0
        choosing = self._sizes > 1
        return bool(self.theta.max(axis=1)[choosing].mean() >= _CONVERGED * most) if choosing.any() else True

    def _propose(self) -> Point:
        return tuple(self._drawn(1)[0].tolist())

    def _drawn(self, count: int) -> Points:
        """[count, variables] Samples of the distribution."""
        drawn = self.rng.random((count, len(self._sizes), 1))
        return np.minimum((self.theta.cumsum(axis=1) <= drawn).sum(axis=2), self._sizes - 1)

    def _learn(self, point: Point, outcome: Outcome) -> None:
        self._samples.append((point, outcome))
        if len(self._samples) == _PAIR:
            (first, one), (second, other) = self._samples
            if one.rank != other.rank:
                self._step(*((first, second) if one.rank > other.rank else (second, first)))
            self._samples = []

    def _step(self, better: Point, worse: Point) -> None:
        """One step of algorithm 1."""
        if better == worse:
            return
        gradient = (self._hot(better) - self._hot(worse)) / _PAIR
        normalised = self._fisher_root(gradient)
        length = math.sqrt(float(np.square(normalised).sum())) + _TINY
        delta = 1 / self._big_delta
        beta = delta / math.sqrt(self._freedom)
        self.theta = self._with_margin(self.theta + delta / length * gradient)
        self._sum = (1 - beta) * self._sum + math.sqrt(beta * (2 - beta)) * normalised / length
        self._gamma = (1 - beta) ** 2 * self._gamma + beta * (2 - beta)
        agreement = float(np.square(self._sum).sum()) / _ALPHA
        # Steps no longer than this, or beta, the rate of accumulation, would leave 0..1.
        least = 1 / math.sqrt(self._freedom)
        self._big_delta = max(self._big_delta * math.exp(beta * (self._gamma - agreement)), least)

    def _hot(self, point: Point) -> Array:
        return np.asarray(np.arange(self._mask.shape[1]) == np.array(point)[:, None], np.float64)

    def _fisher_root(self, gradient: Array) -> Array:
        """The gradient in coordinates where the Fisher metric is the identity: a square root of F, row by row.

        F of K values in the first K - 1 as coordinates is ``diag(1 / theta) + 1 / theta_K``.
        """
        last = self.theta[np.arange(len(self._sizes)), self._sizes - 1][:, None]
        own = np.arange(gradient.shape[1]) < self._sizes[:, None] - 1
        root, step = np.sqrt(np.where(own, self.theta, 1.0)), np.where(own, gradient, 0.0)
        found = step / root + root * step.sum(axis=1, keepdims=True) / (last + np.sqrt(last))
        return np.where(own, found, 0.0)

    def _with_margin(self, theta: Array) -> Array:
        """Theta moved so that each value keeps the margin and each row adds up to 1."""
        sizes = self._sizes[:, None]
        least = np.minimum(self.margin / (self._choosing * np.maximum(sizes - 1, 1)), 1 / sizes)
        values = np.where(self._mask, np.maximum(theta, least), 0.0)
        above = np.where(self._mask, values - least, 0.0)
        total = above.sum(axis=1, keepdims=True)
        values -= (values.sum(axis=1, keepdims=True) - 1) * above / np.where(total > 0, total, 1.0)
        return np.asarray(values / values.sum(axis=1, keepdims=True), np.float64)

    def _pack(self) -> Any:
        return {
            "theta": self.theta.tolist(), "sum": self._sum.tolist(), "gamma": self._gamma,
            "delta": self._big_delta, "samples": pack_told(self._samples),
        }  # fmt: skip

    def _unpack(self, own: Any) -> None:
        theta, total = np.array(own["theta"], np.float64), np.array(own["sum"], np.float64)
        if theta.shape != self._mask.shape or total.shape != self._mask.shape:
            raise ValueError(f"theta {theta.shape} for {self._mask.shape}")
        self.theta, self._sum, self._gamma, self._big_delta = theta, total, float(own["gamma"]), float(own["delta"])
        self._samples = unpack_told(self.problem, own["samples"])
