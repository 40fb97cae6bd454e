"""The prior over devices, and what samples make of it: normal distributions, in closed form.

A device's latency is ``scale * features @ coefficients``, noise in proportion to the mean. Coefficients are normal
around the known devices' mean; known devices differ from each other in a few directions, and each coefficient also
has a deviation of its own. The scale is one more, wide direction along the mean itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.fewshot.basis import Basis
    from nasc_search.fewshot.known import KnownDevice

    Array = NDArray[np.float64]

SCALE_SD: Final = 0.5
"""Of the scale around the samples' median ratio to the mean device."""
ARITHMETIC_SD: Final = 1.0
"""How much more or less than the mean device arithmetic may weigh."""
_FLOOR: Final = 0.1
"""Of a mean network: noise is in proportion to what a network takes, but no less than of this."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Coefficients of devices nobody has measured yet, relative to a network's mean latency."""

    mean: Array
    """[features]"""
    directions: Array
    """[directions, features]: how known devices deviate from the mean; their outer products add up to a covariance."""
    spread: Array
    """[features]: standard deviation of each coefficient on its own."""

    def covariance(self, left: Array, right: Array) -> Array:
        """Prior covariance of relative latencies between rows of features."""
        deviations = np.vstack([self.directions, SCALE_SD * self.mean])
        shared: Array = (left @ deviations.T) @ (right @ deviations.T).T
        return np.asarray(shared + (left * np.square(self.spread)) @ right.T)

    def variance(self, rows: Array) -> Array:
        """Diagonal of :meth:`covariance`."""
        deviations = np.vstack([self.directions, SCALE_SD * self.mean])
        return np.asarray(np.square(rows @ deviations.T).sum(axis=1) + np.square(rows) @ np.square(self.spread))


def prior_from(devices: Sequence[KnownDevice], basis: Basis) -> Prior:
    """Mean and directions of known devices; large families do not outvote the others.

    One more direction is the arithmetic itself: every family has devices that little else holds up.
    """
    if not devices:
        raise InputError("a prior takes at least one known device")
    families = [device.family for device in devices]
    weights = np.array([families.count(family) ** -0.5 for family in families])
    weights /= weights.sum()
    coefficients = np.stack([device.coefficients for device in devices])
    mean: Array = weights @ coefficients
    deviations = np.sqrt(weights)[:, None] * (coefficients - mean)
    return Prior(mean, np.vstack([deviations, ARITHMETIC_SD * basis.work]), basis.spread)


@dataclass(frozen=True, slots=True)
class Component:
    """The posterior under one assumption of what runs and how noisy measurements are."""

    rows: Array
    """Features of the samples."""
    scale: float
    noise: float
    evidence: float
    """Log probability density of the samples."""
    weights: Array
    """Inverse covariance times the samples' deviation from the mean."""
    inverse: Array
    """Inverse of the samples' covariance, relative."""

    def predict(self, prior: Prior, features: Array) -> tuple[Array, Array]:
        """Mean and variance of new measurements, noise included."""
        cross = prior.covariance(features, self.rows)
        mean = features @ prior.mean
        variance = prior.variance(features) - np.einsum("ij,jk,ik->i", cross, self.inverse, cross)
        variance = np.maximum(variance, 0.0) + np.square(noise_of(self.noise, mean))
        return self.scale * (mean + cross @ self.weights), self.scale**2 * variance


def condition(prior: Prior, features: Array, values: Array, noise: float) -> Component:
    """The posterior after measuring ``values`` of networks with these features."""
    mean = features @ prior.mean
    scale = float(np.median(values / np.maximum(mean, _FLOOR)))
    deviation: Array = values / scale - mean
    covariance: Array = prior.covariance(features, features) + np.diag(np.square(noise_of(noise, mean)))
    inverse: Array = np.linalg.inv(covariance)
    weights: Array = inverse @ deviation
    _, log_determinant = np.linalg.slogdet(covariance)
    evidence = -0.5 * float(deviation @ weights + log_determinant) - len(values) * float(np.log(scale))
    return Component(features, scale, noise, evidence, weights, inverse)


def left_out(component: Component, values: Array) -> tuple[Array, Array]:
    """Mean and variance of each sample, predicted from the others (Rasmussen & Williams 2006, eq. 5.12)."""
    variance = 1.0 / np.diag(component.inverse)
    return values - component.scale * component.weights * variance, component.scale**2 * variance


def noise_of(noise: float, mean: Array) -> Array:
    """Standard deviation of measurements around networks of this relative mean."""
    return noise * np.maximum(mean, _FLOOR)
