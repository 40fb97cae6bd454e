"""A Gaussian process over categorical points: what they share, choice by choice, and how close their features are.

Four covariances are added, each with a variance of one: agreement of choices and pairs of choices (an additive model
with interactions of two), features linearly, features by distance, choices by Hamming distance. Their weights and the
noise are those of a short list under which what was told is most likely.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from nasc_search.algorithms.problem import Array, Points

    Parts = tuple[Array, Array, Array, Array]

_FEATURE_LENGTH: Final = 0.5
"""Of the covariance by distance, where features have a mean square norm of one."""
_HAMMING_LENGTH: Final = 1.5
_JITTER: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Weights:
    """Variances of the covariances, and of what no covariance explains."""

    pairs: float
    linear: float
    near: float
    hamming: float
    noise: float


WEIGHTS: Final = tuple(
    Weights(*values)
    for values in itertools.product((0.1, 0.3, 1.0), (0.3, 1.0), (0.1, 0.5, 1.5), (0.0, 0.3), (0.003, 0.02, 0.1))
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Points as the surrogate sees them."""

    choices: Points
    """[n, d]"""
    features: Array
    """[n, f], with a mean square norm near one; f may be 0."""

    def take(self, places: Points) -> Rows:
        """Some of the rows."""
        return Rows(self.choices[places], self.features[places])

    def __len__(self) -> int:
        return len(self.choices)


def covariances(left: Rows, right: Rows) -> Parts:
    """[n, m] each: pairs, linear, near, hamming."""
    variables = left.choices.shape[1]
    equal = np.zeros((len(left), len(right)))
    for place in range(variables):
        equal += left.choices[:, place, None] == right.choices[None, :, place]
    differing = variables - equal
    pairs = equal * (equal + 1) / (variables * (variables + 1))
    linear = left.features @ right.features.T
    norms = [np.square(rows.features).sum(axis=1) for rows in (left, right)]
    apart = np.maximum(norms[0][:, None] + norms[1][None] - 2 * linear, 0.0)
    return pairs, linear, np.exp(-apart / (2 * _FEATURE_LENGTH**2)), np.exp(-differing / _HAMMING_LENGTH)


class Columns:
    """Covariances of fixed rows with a growing list of others, each computed once.

    One column at a time: a matrix product of several may differ in the last bit, and a restored search would stray.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._parts = [np.empty((0, len(rows))) for _ in range(4)]
        self._count = 0

    def upto(self, others: Rows) -> Parts:
        """[n, m] each, of the m others; those seen before are the first of them, unchanged."""
        if len(others) > len(self._parts[0]):
            grown = [np.empty((2 * len(others), len(self.rows))) for _ in self._parts]
            for new, old in zip(grown, self._parts, strict=True):
                new[: self._count] = old[: self._count]
            self._parts = grown
        for index in range(self._count, len(others)):
            found = covariances(self.rows, others.take(np.array([index])))
            for part, column in zip(self._parts, found, strict=True):
                part[index] = column[:, 0]
        self._count = max(self._count, len(others))
        pairs, linear, near, hamming = (part[: len(others)].T for part in self._parts)
        return pairs, linear, near, hamming


def combine(parts: Parts, weights: Weights) -> Array:
    """The covariance, with one for an unknown mean."""
    pairs, linear, near, hamming = parts
    total = 1.0 + weights.pairs * pairs + weights.linear * linear + weights.near * near
    return np.asarray(total + weights.hamming * hamming if weights.hamming else total, np.float64)


def prior_variance(rows: Rows, weights: Weights) -> Array:
    """[n] of the values as they would be told, noise included."""
    squares = np.square(rows.features).sum(axis=1)
    return np.asarray(
        1.0 + weights.pairs + weights.linear * squares + weights.near + weights.hamming + weights.noise, np.float64
    )


def choose_weights(rows: Rows, values: Array) -> Weights:
    """Those of the list under which standardised values are most likely, their scale left free."""
    parts = covariances(rows, rows)
    return max(WEIGHTS, key=lambda weights: _log_likelihood(parts, values, weights))


def _log_likelihood(parts: Parts, values: Array, weights: Weights) -> float:
    count = len(values)
    factor = np.linalg.cholesky(combine(parts, weights) + (weights.noise + _JITTER) * np.eye(count))
    whitened = np.linalg.solve(factor, values)
    scale = max(float(np.square(whitened).mean()), 1e-300)
    return -0.5 * count * math.log(scale) - float(np.log(np.diag(factor)).sum())


@dataclass(frozen=True, slots=True)
class Posterior:
    """What was told, ready to predict."""

    rows: Rows
    weights: Weights
    inverse_factor: Array
    """[n, n] of the covariance's Cholesky factor."""
    whitened: Array
    """[n]"""
    scale: float
    """Variance of the values per unit of covariance."""

    @classmethod
    def of(cls, rows: Rows, values: Array, weights: Weights) -> Posterior:
        """Condition on standardised values."""
        noise = (weights.noise + _JITTER) * np.eye(len(values))
        factor = np.linalg.cholesky(combine(covariances(rows, rows), weights) + noise)
        inverse = np.linalg.inv(factor)
        whitened = inverse @ values
        return cls(rows, weights, inverse, whitened, float(np.square(whitened).mean()))

    def predict(self, rows: Rows, parts: Parts | None = None) -> tuple[Array, Array]:
        """[n] mean and standard deviation of what would be told of each row; ``parts`` where they are at hand."""
        known = covariances(rows, self.rows) if parts is None else parts
        projected = combine(known, self.weights) @ self.inverse_factor.T
        variance = prior_variance(rows, self.weights) - np.square(projected).sum(axis=1)
        return projected @ self.whitened, np.sqrt(self.scale * np.maximum(variance, 1e-9))


def normal_cdf(values: Array) -> Array:
    """Of the standard normal distribution; Abramowitz and Stegun 26.2.17, error below 1e-7."""
    part = 1 / (1 + 0.2316419 * np.abs(values))
    polynomial = part * (
        0.319381530 + part * (-0.356563782 + part * (1.781477937 + part * (-1.821255978 + part * 1.330274429)))
    )
    upper = normal_density(values) * polynomial
    return np.where(values >= 0, 1 - upper, upper)


def normal_density(values: Array) -> Array:
    """Of the standard normal distribution."""
    return np.asarray(np.exp(-np.square(values) / 2) / math.sqrt(2 * math.pi), np.float64)


def expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """By how much each is expected to exceed the best (Jones et al. 1998, equation 15)."""
    ahead = (mean - best) / deviation
    return deviation * (ahead * normal_cdf(ahead) + normal_density(ahead))
