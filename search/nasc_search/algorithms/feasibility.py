"""How likely a point keeps a limit that only evaluations tell of: a Gaussian process on the violation.

Modelled is ``log(1 + violation)``, as what the variables that the objective ignores add, such as the cut, and what the
choices add: mostly by how often each value is chosen, as costs do. The latter is shared in part by points that differ
in the former. A violation of exactly 0 says that the limit is kept, not by how much: its value is the one expected
under that condition, given all the others (a Tobit model, each censored value settled by its leave-one-out
distribution).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.algorithms.surrogate import (
    Rows,
    Weights,
    combine,
    covariances,
    normal_cdf,
    normal_density,
    prior_variance,
)

if TYPE_CHECKING:
    from nasc_search.algorithms.problem import Array, Points

_SLACK: Final = 0.1
"""What a limit is thought to be kept by before the other points are heard."""
_ROUNDS: Final = 3
"""Of settling censored values."""
OUTRAGEOUS: Final = 10.0
"""Violation from which a point tells that it is none, as a network without a path, and nothing of what others cost."""
_SHARED: Final = 0.3
"""Covariance of what choices add to points that differ in all of the other variables, against those that agree."""
_WEIGHTS: Final = tuple(Weights(pairs=part, linear=1.0, near=part, hamming=0.0, noise=0.0) for part in (0.05, 0.003))
"""Those under which what was told is most likely are taken: some costs are sums over choices and no more."""
_NOISES: Final = (0.1, 0.02, 0.004, 0.0008, 0.0002)
_ENOUGH: Final = 4
"""Points of a setting before it takes a noise of its own: a board's latency may have much, a server's hardly any."""
_LEAST_SCALE: Final = 0.05
"""Costs of networks differ by a fifth at least, whatever the first few do."""


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What the violations told so far say of other points."""

    rows: Rows
    """Their features are the counts of values."""
    others: Points
    """[n, o]: choices of the variables that the objective ignores."""
    inverse_factor: Array
    whitened: Array
    mean: float
    scale: float
    """Variance of the values per unit of covariance."""
    weights: Weights
    noises: Array
    """[n] Variance of what no covariance explains, per unit: of each point's setting of the other variables."""

    @classmethod
    def of(cls, rows: Rows, others: Points, violations: Array) -> Feasibility:
        """Condition on violations as they were told; each setting takes the noise under which they are most likely."""
        parts, agreeing = covariances(rows, rows), _agreeing(others, others)

        def fitted(weights: Weights, noises: Array) -> Feasibility:
            covariance = _covariance(combine(parts, weights), agreeing) + np.diag(noises)
            return cls(rows, others, *_conditioned(covariance, violations), weights, noises)

        uniform = (np.full(len(rows), noise) for noise in _NOISES)
        best = max(itertools.starmap(fitted, itertools.product(_WEIGHTS, uniform)), key=cls._log_likelihood)
        settings, members, counts = np.unique(others, axis=0, return_inverse=True, return_counts=True)
        for setting in np.flatnonzero(counts >= _ENOUGH) if len(settings) > 1 else ():
            tried = [np.where(members.ravel() == setting, noise, best.noises) for noise in _NOISES]
            best = max((best, *(fitted(best.weights, noises) for noises in tried)), key=cls._log_likelihood)
        return best

    def _log_likelihood(self) -> float:
        fit = float(np.square(self.whitened).sum()) / self.scale + len(self.rows) * math.log(self.scale)
        return float(np.log(np.diag(self.inverse_factor)).sum()) - 0.5 * fit

    def chance(self, rows: Rows, others: Points) -> Array:
        """[n] Probability that each is feasible."""
        agreeing = _agreeing(others, self.others)
        covariance = _covariance(combine(covariances(rows, self.rows), self.weights), agreeing)
        return self._below(covariance, 1.0 + prior_variance(rows, self.weights) + self._noise_of(agreeing))

    def chances(self, rows: Rows, settings: Points) -> Array:
        """[n, s] Of each at every one of some settings of the variables that the objective ignores."""
        choices = combine(covariances(rows, self.rows), self.weights)
        prior = 1.0 + prior_variance(rows, self.weights)
        agreeing = _agreeing(settings, self.others)
        found = [
            self._below(_covariance(choices, agrees), prior + noise)
            for agrees, noise in zip(agreeing, self._noise_of(agreeing), strict=True)
        ]
        return np.stack(found, axis=1)

    def _noise_of(self, agreeing: Array) -> Array:
        """[m] That of a told point which agrees most."""
        return np.asarray(self.noises[agreeing.argmax(axis=1)], np.float64)

    def _below(self, covariance: Array, prior: Array) -> Array:
        projected = covariance @ self.inverse_factor.T
        variance = np.maximum(prior - np.square(projected).sum(axis=1), 1e-6)
        deviation = np.sqrt(self.scale * variance)
        return normal_cdf(-(self.mean + projected @ self.whitened) / deviation)


def _conditioned(covariance: Array, violations: Array) -> tuple[Array, Array, float, float]:
    """Inverse factor, whitened values, their mean and scale."""
    kept = violations == 0
    values = np.log1p(np.where(kept, -_SLACK, np.clip(violations, -0.9, OUTRAGEOUS)))
    inverse = np.linalg.inv(np.linalg.cholesky(covariance))
    precision = np.asarray(inverse.T @ inverse, np.float64)
    for _ in range(_ROUNDS if kept.any() else 0):
        values = np.where(kept, _below_zero(*_left_out(precision, values)), values)
    whitened = inverse @ (values - values.mean())
    return inverse, whitened, float(values.mean()), max(float(np.square(whitened).mean()), _LEAST_SCALE)


def _covariance(choices: Array, agreeing: Array) -> Array:
    """Of a mean, what the other variables add, and what choices add; ``choices`` hold one for a mean already."""
    return np.asarray(1.0 + agreeing + (choices - 1.0) * (_SHARED + (1 - _SHARED) * agreeing), np.float64)


def _agreeing(left: Points, right: Points) -> Array:
    """[n, m] In what share of the other variables points agree; in all where there are none."""
    if not left.shape[1]:
        return np.ones((len(left), len(right)))
    return np.asarray((left[:, None, :] == right[None, :, :]).mean(axis=2), np.float64)


def _left_out(precision: Array, values: Array) -> tuple[Array, Array]:
    """[n] each: mean and deviation of every value given the others (Rasmussen and Williams 2006, equation 5.12)."""
    centred = values - values.mean()
    weighted, own = precision @ centred, np.diag(precision)
    scale = max(float(centred @ weighted) / len(values), 1e-9)
    return values - weighted / own, np.sqrt(scale / own)


def _below_zero(mean: Array, deviation: Array) -> Array:
    """Expectation of a normal variable that is known to be below zero."""
    ahead = np.clip(-mean / deviation, -5.0, None)
    return np.asarray(np.minimum(mean - deviation * normal_density(ahead) / normal_cdf(ahead), 0.0), np.float64)
