"""How likely a point keeps a limit that only evaluations tell of: a Gaussian process on the violation.

Modelled is ``log(1 + violation)``. Points that differ in variables the objective ignores, such as the cut, share part
of what is known: their covariance is the product of one over the choices and one over those variables. A violation of
exactly 0 says that the limit is kept, not by how much: it counts as a little slack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.algorithms.surrogate import Rows, Weights, combine, covariances, normal_cdf, prior_variance

if TYPE_CHECKING:
    from nasc_search.algorithms.problem import Array, Points

_SLACK: Final = 0.1
_MOST: Final = 10.0
_SHARED: Final = 0.3
"""Covariance of points that differ in all of the other variables, against those that agree."""
_WEIGHTS: Final = Weights(pairs=0.3, linear=1.0, near=0.5, hamming=0.0, noise=0.03)


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What the violations told so far say of other points."""

    rows: Rows
    others: Points
    """[n, o]: choices of the variables that the objective ignores."""
    inverse_factor: Array
    whitened: Array
    mean: float
    scale: float

    @classmethod
    def of(cls, rows: Rows, others: Points, violations: Array) -> Feasibility:
        """Condition on violations as they were told."""
        slack = np.where(violations == 0, -_SLACK, np.clip(violations, -0.9, _MOST))
        values = np.log1p(slack)
        covariance = _covariance(rows, others, rows, others) + _WEIGHTS.noise * np.eye(len(values))
        inverse = np.linalg.inv(np.linalg.cholesky(covariance))
        whitened = inverse @ (values - values.mean())
        return cls(rows, others, inverse, whitened, float(values.mean()), float(np.square(whitened).mean()))

    def chance(self, rows: Rows, others: Points) -> Array:
        """[n] Probability that each is feasible."""
        projected = _covariance(rows, others, self.rows, self.others) @ self.inverse_factor.T
        variance = np.maximum(prior_variance(rows, _WEIGHTS) - np.square(projected).sum(axis=1), 1e-6)
        deviation = np.sqrt(np.maximum(self.scale, 1e-9) * variance)
        return normal_cdf(-(self.mean + projected @ self.whitened) / deviation)


def _covariance(left: Rows, left_others: Points, right: Rows, right_others: Points) -> Array:
    covariance = combine(covariances(left, right), _WEIGHTS)
    if not left_others.shape[1]:
        return covariance
    agreeing = (left_others[:, None, :] == right_others[None, :, :]).mean(axis=2)
    return np.asarray(covariance * (_SHARED + (1 - _SHARED) * agreeing), np.float64)
