"""Adaptive stochastic natural gradient on categorical distributions (Akimoto et al., ICML 2019, arXiv 1905.08537).

One distribution over all variables jointly, ``theta[i, k]`` the probability of value k of variable i. Of each pair of
samples the better pulls theta towards itself, the worse pushes (ranks, not values). The step along the natural
gradient has the length ``delta = first / Delta`` in the Fisher metric, a trust region that grows while successive
steps agree, as told by their accumulation s against gamma (algorithm 1). Theta keeps a margin of
``1 / (variables * (values - 1))``, so that no value dies out.

The published answer is the mode of the distribution. It is sampled once theta has converged; then, as the paper leaves
the end to the budget, the descent starts anew.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from nasc_search.algorithms.algorithm import Turns, pack_told, unpack_told
from nasc_search.algorithms.problem import Array, Outcome, Point, Problem

_PAIR: Final = 2
"""Samples an update, lambda."""
_ALPHA: Final = 1.5
"""Signal-to-noise ratio at which the trust region keeps its size."""
_FIRST_DELTA: Final = 2.5
"""Length of the first step; the paper begins at 1, and adaptation takes it from there. With a restart after 20 samples
instead of 40, it took a third of the evaluations off budgets of some hundreds."""
_CONVERGED: Final = 0.95
"""Mean of the modes' probabilities, of the most that the margins allow."""
_PATIENCE: Final = 20
"""Samples after convergence that bring nothing better, before a restart."""
_TINY: Final = 1e-9


class ASNG(Turns):
    """Infeasible points rank by their violation."""

    name: ClassVar[str] = "asng"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self._sizes = np.array(problem.sizes)
        self._mask = np.arange(self._sizes.max()) < self._sizes[:, None]
        self._choosing = max(int((self._sizes > 1).sum()), 1)
        self._freedom = max(int((self._sizes - 1).sum()), 1)
        self._first_delta = min(_FIRST_DELTA, math.sqrt(self._freedom))
        self._samples: list[tuple[Point, Outcome]] = []
        self._begin()

    def _begin(self) -> None:
        self.theta: Array = self._mask / self._sizes[:, None]
        """[variables, largest size], rows add up to 1."""
        self._sum = np.zeros(self._mask.shape)
        self._gamma, self._big_delta = 0.0, 1.0
        self._best: tuple[float, float] = (-math.inf, -math.inf)
        self._stale = 0
        self._mode_due = False

    @property
    def mode(self) -> Point:
        """The most likely point."""
        return tuple(int(value) for value in self.theta.argmax(axis=1))

    @property
    def converged(self) -> bool:
        """Whether theta is close to its margins."""
        most = 1 - 1 / self._choosing if self._choosing > 1 else 1.0
        choosing = self._sizes > 1
        return bool(self.theta.max(axis=1)[choosing].mean() >= _CONVERGED * most) if choosing.any() else True

    def _propose(self) -> Point:
        if self._mode_due:
            return self.mode
        drawn = self.rng.random((len(self._sizes), 1))
        places = (self.theta.cumsum(axis=1) <= drawn).sum(axis=1)
        return tuple(int(value) for value in np.minimum(places, self._sizes - 1))

    def _learn(self, point: Point, outcome: Outcome) -> None:
        if self._mode_due:
            self._begin()
            return
        converged = self.converged
        self._stale = self._stale + 1 if converged and outcome.rank <= self._best else 0
        self._best = max(self._best, outcome.rank)
        self._samples.append((point, outcome))
        if len(self._samples) == _PAIR:
            self._update()
            self._samples = []
            self._mode_due = self._stale >= _PATIENCE

    def _update(self) -> None:
        """One step of algorithm 1; two samples of equal rank say nothing."""
        (first, one), (second, other) = self._samples
        if one.rank == other.rank or first == second:
            return
        sign = 1.0 if one.rank > other.rank else -1.0
        gradient = sign * (self._hot(first) - self._hot(second)) / _PAIR
        normalised = self._fisher_root(gradient)
        length = math.sqrt(float(np.square(normalised).sum())) + _TINY
        delta = self._first_delta / self._big_delta
        beta = delta / math.sqrt(self._freedom)
        self.theta = self._with_margin(self.theta + delta / length * gradient)
        self._sum = (1 - beta) * self._sum + math.sqrt(beta * (2 - beta)) * normalised / length
        self._gamma = (1 - beta) ** 2 * self._gamma + beta * (2 - beta)
        agreement = float(np.square(self._sum).sum()) / _ALPHA
        # Steps no longer than this, or beta, the rate of accumulation, would leave 0..1.
        least = self._first_delta / math.sqrt(self._freedom)
        self._big_delta = max(self._big_delta * math.exp(beta * (self._gamma - agreement)), least)

    def _hot(self, point: Point) -> Array:
        return np.asarray(np.arange(self._mask.shape[1]) == np.array(point)[:, None], np.float64)

    def _fisher_root(self, gradient: Array) -> Array:
        """The gradient in coordinates where the Fisher metric is the identity: a square root of F, row by row.

        F of K values in the first K - 1 as coordinates is ``diag(1 / theta) + 1 / theta_K``.
        """
        root = np.zeros(gradient.shape)
        for row, size in enumerate(self._sizes):
            theta, last = self.theta[row, : size - 1], self.theta[row, size - 1]
            step = gradient[row, : size - 1]
            root[row, : size - 1] = step / np.sqrt(theta) + np.sqrt(theta) * step.sum() / (last + math.sqrt(last))
        return root

    def _with_margin(self, theta: Array) -> Array:
        """Theta moved so that each value keeps the margin and each row adds up to 1."""
        moved = np.zeros(theta.shape)
        for row, size in enumerate(self._sizes):
            least = 1 / (self._choosing * (size - 1)) if size > 1 else 0.0
            values = np.maximum(theta[row, :size], min(least, 1 / size))
            above = values - min(least, 1 / size)
            if above.sum() > 0:
                values = values - (values.sum() - 1) * above / above.sum()
            moved[row, :size] = values / values.sum()
        return moved

    def _pack(self) -> Any:
        return {
            "theta": self.theta.tolist(), "sum": self._sum.tolist(), "gamma": self._gamma,
            "delta": self._big_delta, "best": [value if math.isfinite(value) else None for value in self._best],
            "stale": self._stale, "mode_due": self._mode_due, "samples": pack_told(self._samples),
        }  # fmt: skip

    def _unpack(self, own: Any) -> None:
        theta, total = np.array(own["theta"], np.float64), np.array(own["sum"], np.float64)
        if theta.shape != self._mask.shape or total.shape != self._mask.shape:
            raise ValueError(f"theta {theta.shape} for {self._mask.shape}")
        self.theta, self._sum, self._gamma, self._big_delta = theta, total, float(own["gamma"]), float(own["delta"])
        first, second = (-math.inf if value is None else float(value) for value in own["best"])
        self._best, self._stale, self._mode_due = (first, second), int(own["stale"]), bool(own["mode_due"])
        self._samples = unpack_told(self.problem, own["samples"])

