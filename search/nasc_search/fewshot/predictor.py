"""Predictor: figures of architectures that were not measured, from a few that were, with honest intervals.

What the device runs (:class:`Reach`) and how noisy it is are unknown: every combination is a component, weighed by how
probable it makes the samples. Intervals are the mixture's, widened or narrowed until they would have held the samples
themselves, each predicted from the others (the jackknife of conformal prediction: Barber et al.
2021, arXiv 1905.02928).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.cost.model import Z95
from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Basis, Reach, basis_of
from nasc_search.fewshot.gaussian import Component, Prior, condition, left_out, prior_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.fewshot.known import KnownDevice
    from nasc_search.measured.npz import SpaceName

    Array = NDArray[np.float64]

NOISES: Final = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1)
"""Relative deviations of measurements that are considered."""
_LEAST_WEIGHT: Final = 1e-4
MIN_SAMPLES: Final = 3
_NORMAL_SAMPLES: Final = 5
"""The largest of ten scores scatters widely: the normal distribution's factor counts as much as five samples do."""
_LEAST_FACTOR: Final = 0.3
"""Deviations; samples that all lie nearer to their predictions did so by luck."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Predictions of networks, in the samples' unit."""

    mean: Array
    deviation: Array
    """Standard deviation of a measurement around the mean."""
    factor: float
    """Deviations to either side that hold nine measurements of ten."""

    @property
    def low(self) -> Array:
        """Lower end of the 90 % interval."""
        return np.maximum(self.mean - self.factor * self.deviation, 0.0)

    @property
    def high(self) -> Array:
        """Upper end of the 90 % interval."""
        return np.asarray(self.mean + self.factor * self.deviation)


@dataclass(frozen=True, slots=True)
class Predictor:
    """The posterior of one device."""

    basis: Basis
    prior: Prior
    components: tuple[tuple[Reach, Component, float], ...]
    """What runs, the posterior under it, and its probability."""
    factor: float

    @property
    def reach(self) -> dict[Reach, float]:
        """How probable it is that the device runs these operators."""
        return {
            reach: sum(weight for other, _, weight in self.components if other is reach)
            for reach in self.basis.reaches
        }

    @property
    def noise(self) -> float:
        """Expected relative deviation of a measurement."""
        return sum(weight * component.noise for _, component, weight in self.components)

    def predict(self, arch: NDArray[np.int64]) -> Figures:
        """Figures of these architectures."""
        parts = [
            component.predict(self.prior, self.basis.features(arch, reach)) for reach, component, _ in self.components
        ]
        means, variances = (np.stack(part) for part in zip(*parts, strict=True))
        mean, variance = mixture(np.array([[weight] for _, _, weight in self.components]), means, variances)
        return Figures(mean, np.sqrt(variance), self.factor)


def fit_samples(
    space: SpaceName, devices: Sequence[KnownDevice], arch: NDArray[np.int64], values: Array
) -> Predictor:
    """The predictor after measuring ``values`` of these architectures; InputError when they are too few or bad."""
    if len(values) < MIN_SAMPLES:
        raise InputError(f"{len(values)} samples; at least {MIN_SAMPLES} are needed to say how sure a prediction is")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError("samples must be positive, finite numbers")
    basis = basis_of(space)
    prior = prior_from(devices, basis)
    found = [
        (reach, condition(prior, basis.features(arch, reach), values, noise))
        for reach in basis.reaches
        for noise in NOISES
    ]
    evidence = np.array([component.evidence + math.log(basis.reaches[reach]) for reach, component in found])
    weights = _normalised(evidence)
    kept = [
        (reach, component, float(weight))
        for (reach, component), weight in zip(found, weights, strict=True)
        if weight >= _LEAST_WEIGHT
    ]
    total = sum(weight for _, _, weight in kept)
    components = tuple((reach, component, weight / total) for reach, component, weight in kept)
    return Predictor(basis, prior, components, _factor(components, values))


def _normalised(evidence: Array) -> Array:
    """Probabilities over the first axis from their logarithms."""
    weights = np.exp(evidence - evidence.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))


def mixture(weights: Array, means: Array, variances: Array) -> tuple[Array, Array]:
    """Mean and variance of mixtures: all arguments [components, networks], ``weights`` adding up to one."""
    mean: Array = (weights * means).sum(axis=0)
    return mean, np.asarray((weights * (variances + np.square(means - mean))).sum(axis=0))


def _factor(components: Sequence[tuple[Reach, Component, float]], values: Array) -> float:
    """How many deviations off the samples are when each is predicted from the others: the 90 % quantile, with n + 1.

    A component's weight must not know the sample that is left out either: its density there is divided away. The scale,
    a median over all samples, still does.
    """
    others = [left_out(item, values) for _, item, _ in components]
    means, variances = (np.stack(part) for part in zip(*others, strict=True))
    log_weights = np.log([[weight] for _, _, weight in components])
    log_weights = log_weights + 0.5 * (np.log(variances) + np.square(values - means) / variances)
    mean, variance = mixture(_normalised(log_weights), means, variances)
    scores = np.sort(np.abs(values - mean) / np.sqrt(variance))
    rank = min(math.ceil(0.9 * (len(values) + 1)), len(values))
    found = math.log(max(float(scores[rank - 1]), _LEAST_FACTOR))
    share = len(values) / (len(values) + _NORMAL_SAMPLES)
    return math.exp(share * found + (1 - share) * math.log(Z95))
