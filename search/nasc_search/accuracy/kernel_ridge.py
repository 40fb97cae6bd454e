"""Ridge regression of accuracies through kernels; what is free is chosen on samples left out.

The target is ``-log(1.01 - accuracy)``: differences among good networks, which the search is about, count for more
than differences among broken ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.accuracy.ranking import kendall, spearman

Array = NDArray[np.float64]
Folds = NDArray[np.int64]

_CEILING: Final = 1.01
_FOLDS: Final = 5
_MIN_SAMPLES: Final = 10


@dataclass(frozen=True, slots=True)
class PredictorReport:
    """Cross-validated on sub-networks that the fit had not seen; ``mean_error`` is in accuracy, 0..1."""

    samples: int
    spearman: float
    kendall: float
    mean_error: float

    @classmethod
    def of(cls, held_out: Array, target: Array) -> PredictorReport:
        """From predictions of targets that were held out."""
        error = np.abs(to_accuracy(held_out) - to_accuracy(target)).mean()
        return cls(len(target), spearman(held_out, target), kendall(held_out, target), float(error))

    def __str__(self) -> str:
        return (
            f"accuracy predictor on {self.samples} held-out sub-networks ({_FOLDS}-fold): Spearman "
            f"{self.spearman:.3f}, Kendall {self.kendall:.3f}, mean error {100 * self.mean_error:.2f} points"
        )


@dataclass(frozen=True, slots=True)
class Freedom:
    """What a fit may choose: one of some kernels over the same samples, and a penalty."""

    kernels: Sequence[Array]
    """[n, n] each."""
    penalties: Sequence[float]

    def chosen(self, target: Array, known: NDArray[np.bool_] | None = None) -> tuple[int, float]:
        """Place of the kernel, and the penalty, with the least squared error when each sample is left out in turn."""
        samples = np.ones(len(target), bool) if known is None else known
        errors = np.array([self._errors(kernel[np.ix_(samples, samples)], target[samples]) for kernel in self.kernels])
        place, at = np.unravel_index(errors.argmin(), errors.shape)
        return int(place), self.penalties[int(at)]

    def held_out(self, target: Array, folds: Folds) -> Array:
        """Each sample predicted without its fold; kernel and penalty are chosen without it too: no flattery."""
        predicted = np.zeros(len(target))
        for fold in np.unique(folds):
            known = folds != fold
            place, penalty = self.chosen(target, known)
            kernel = self.kernels[place]
            weights = dual(kernel[np.ix_(known, known)], target[known], penalty)
            predicted[~known] = kernel[np.ix_(~known, known)] @ weights + target[known].mean()
        return predicted

    def _errors(self, kernel: Array, target: Array) -> Array:
        """[penalties] Of predictions of each sample from all the others, by one decomposition: a residual of the whole
        fit is that of the sample left out, times the inverse's diagonal."""
        values, vectors = np.linalg.eigh(kernel)
        turned = vectors.T @ (target - target.mean())
        shrunk = 1 / (np.maximum(values, 0.0)[:, None] + np.array(self.penalties))
        residuals = (vectors @ (shrunk * turned[:, None])) / (np.square(vectors) @ shrunk)
        return np.asarray(np.square(residuals).sum(axis=0), np.float64)


def to_target(accuracy: Array, rows: int) -> Array:
    """Targets of accuracies in 0..1; InputError for others, for too few, or another number of them than rows."""
    if accuracy.shape != (rows,):
        raise InputError(f"accuracies {accuracy.shape} are not one for each of {rows} sub-networks")
    if rows < _MIN_SAMPLES:
        raise InputError(f"{rows} evaluated sub-networks are too few; {_MIN_SAMPLES} are the least")
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise InputError("accuracies lie in 0..1")
    return np.asarray(-np.log(_CEILING - accuracy), np.float64)


def to_accuracy(target: Array) -> Array:
    """Inverse of :func:`to_target`, within 0..1."""
    return np.clip(_CEILING - np.exp(-target), 0.0, 1.0)


def folds_of(samples: int, seed: int) -> Folds:
    """[samples] Five folds, at random."""
    return np.random.default_rng(seed).permutation(samples) % _FOLDS


def dual(kernel: Array, target: Array, penalty: float) -> Array:
    """Weights of the samples, about the targets' mean."""
    return np.linalg.solve(kernel + penalty * np.eye(len(target)), target - target.mean())

