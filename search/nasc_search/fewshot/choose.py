"""Which architecture to measure next: the one whose figure would make the others surest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.fewshot.basis import Reach, basis_of
from nasc_search.fewshot.gaussian import Prior, noise_of, prior_from
from nasc_search.fewshot.predictor import MIN_SAMPLES, fit_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.fewshot.known import KnownDevice
    from nasc_search.measured.npz import SpaceName

    Array = NDArray[np.float64]

_CANDIDATES: Final = 500
_FIRST_NOISE: Final = 0.05
"""Assumed until three samples tell of it."""
_LEAST_BELIEF: Final = 0.01


def choose(
    space: SpaceName,
    devices: Sequence[KnownDevice],
    arch: NDArray[np.int64],
    count: int,
    measure: Callable[[int], float],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Rows of ``arch`` to measure, one after the other; ``measure`` gives the figure of a row, asked once for each.

    Each next one takes most variance off the predictions of the others and, while it is open what the device runs,
    lies where the possibilities disagree.
    """
    basis = basis_of(space)
    prior = prior_from(devices, basis)
    rows = rng.choice(len(arch), min(max(_CANDIDATES, count), len(arch)), replace=False)
    features = {reach: basis.features(arch[rows], reach) for reach in basis.reaches}
    belief, noise = dict(basis.reaches), _FIRST_NOISE
    chosen, values = list[int](), list[float]()
    for _ in range(min(count, len(rows))):
        gains = (weight * _gain(prior, features[reach], chosen, noise) for reach, weight in _likely(belief))
        gain = np.asarray(sum(gains))
        score = gain / gain.max() + _disagreement(prior, features, belief)
        score[chosen] = -np.inf
        chosen.append(int(np.argmax(score)))
        values.append(measure(int(rows[chosen[-1]])))
        if len(chosen) >= MIN_SAMPLES:
            predictor = fit_samples(space, devices, arch[rows[chosen]], np.array(values))
            belief, noise = predictor.reach, predictor.noise
    return np.asarray(rows[chosen])


def _likely(belief: dict[Reach, float]) -> list[tuple[Reach, float]]:
    return [(reach, weight) for reach, weight in belief.items() if weight > _LEAST_BELIEF]


def _gain(prior: Prior, candidates: Array, chosen: Sequence[int], noise: float) -> Array:
    """Mean variance that measuring each candidate takes off all, after the chosen ones."""
    cross = prior.covariance(candidates, candidates)
    own = prior.variance(candidates)
    if chosen:
        known = candidates[list(chosen)]
        mean = known @ prior.mean
        inverse = np.linalg.inv(prior.covariance(known, known) + np.diag(np.square(noise_of(noise, mean))))
        to_known = prior.covariance(candidates, known)
        shift = to_known @ inverse
        cross = cross - to_known @ shift.T
        own = own - np.einsum("ij,ij->i", shift, to_known)
    own = np.maximum(own, 0.0) + np.square(noise_of(noise, candidates @ prior.mean))
    return np.asarray(np.square(cross).mean(axis=0) / own)


def _disagreement(prior: Prior, features: dict[Reach, Array], belief: dict[Reach, float]) -> Array:
    """Variance between what the reaches say, 1 for the largest, times the doubt that is left."""
    means = np.stack([rows @ prior.mean for rows in features.values()])
    weights = np.array([belief[reach] for reach in features])[:, None]
    variance = np.asarray((weights * np.square(means - (weights * means).sum(axis=0))).sum(axis=0))
    largest = float(variance.max())
    return variance / largest * (1.0 - max(belief.values())) if largest > 0 else variance
