"""What an encoding costs in accuracy at a cut of any network, from a few encoded sub-networks that were evaluated.

The square root of the loss is linear in: the cut, the encoding, both together, how accurate the network is, and what
operators it is made of (:mod:`.composition`); a ridge regression, whose penalty is chosen on held-out sub-networks.
Losses span a tenth of a point to thirty: taken as they are, the few large ones would rule the fit. Columns of both
together and of networks are shrunk more than those of cut and encoding alone, which every evaluation tells of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import Array
from nasc_search.accuracy.ranking import kendall, spearman

_PENALTIES: Final = tuple(np.logspace(-2, 2, 9).tolist())
_SHRUNK: Final = 0.5
_FOLDS: Final = 5
MIN_SAMPLES: Final = 20
_POINTS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Coded:
    """An encoded sub-network that was evaluated; accuracies in 0..1."""

    shares: tuple[float, ...]
    """Of each operator in the network."""
    cut: int
    encoding: int
    """Place among the encodings."""
    plain: float
    """Of the same network without the encoding."""
    accuracy: float


@dataclass(frozen=True, slots=True)
class CodingLoss:
    """Coefficients, in square roots of points; made by :meth:`fit`."""

    cuts: int
    encodings: int
    mean_plain: float
    coefficients: Array
    samples: int
    spearman: float
    """Of accuracies of held-out encoded sub-networks, 5-fold."""
    kendall: float
    mean_error: float
    """Of the same, 0..1."""

    @classmethod
    def fit(cls, samples: Sequence[Coded], cuts: int, encodings: int, seed: int = 0) -> CodingLoss:
        """Fit on evaluated sub-networks of a space with so many cuts; InputError for fewer than 20 of them."""
        if len(samples) < MIN_SAMPLES:
            raise InputError(f"{len(samples)} evaluated encodings are too few; {MIN_SAMPLES} are the least")
        plain, accuracy = (np.asarray([getattr(item, name) for item in samples]) for name in ("plain", "accuracy"))
        mean_plain = float(plain.mean())
        shares = np.asarray([item.shares for item in samples])
        at, code = (np.asarray([getattr(item, name) for item in samples]) for name in ("cut", "encoding"))
        rows = _columns(_traits(shares, plain - mean_plain), at, code, cuts, encodings)
        root = np.sqrt(np.maximum(_POINTS * (plain - accuracy), 0.0))
        folds = np.random.default_rng(seed).permutation(len(samples)) % _FOLDS
        held = _held_out(rows, root, folds)
        best = int(np.square(held - root[:, None]).sum(axis=0).argmin())
        found = plain - _points(held[:, best]) / _POINTS
        return cls(
            cuts, encodings, mean_plain, _solve(rows, root)[:, best], len(samples),
            spearman(found, accuracy), kendall(found, accuracy), float(np.abs(found - accuracy).mean()),
        )  # fmt: skip

    def predict(self, shares: Array, plain: Array) -> Array:
        """Accuracy ``[n, cuts, encodings]``, 0..1, at every cut; at most ``plain`` [n], without any encoding."""
        traits = _traits(shares, plain - self.mean_plain)
        cut, encoding = np.divmod(np.arange(self.cuts * self.encodings), self.encodings)
        shape = self.cuts, self.encodings
        # Every column is a feature of the place, or one of the network times one of the place.
        count = traits.shape[1]
        nothing = np.zeros((len(cut), count))
        fixed = _columns(nothing, cut, encoding, *shape) @ self.coefficients
        slopes = [
            _columns(nothing + np.eye(count)[part], cut, encoding, *shape) @ self.coefficients - fixed
            for part in range(count)
        ]
        roots = fixed + traits @ np.stack(slopes)
        loss = _points(roots).reshape(len(traits), *shape) / _POINTS
        return np.asarray(np.clip(plain[:, None, None] - loss, 0.0, 1.0))

    def __str__(self) -> str:
        return (
            f"accuracy of encoded cuts on {self.samples} held-out sub-networks ({_FOLDS}-fold): Spearman "
            f"{self.spearman:.3f}, Kendall {self.kendall:.3f}, mean error {_POINTS * self.mean_error:.2f} points"
        )


def _points(roots: Array) -> Array:
    return np.asarray(np.square(np.maximum(roots, 0.0)))


def _traits(shares: Array, plain: Array) -> Array:
    """[n, 1 + operators] How accurate each network is, and what it is made of."""
    return np.hstack([plain[:, None] * 10, shares])


def _columns(
    traits: Array, cut: NDArray[np.int64], encoding: NDArray[np.int64], cuts: int, encodings: int
) -> Array:
    at, code = np.eye(cuts)[cut], np.eye(encodings)[encoding]
    both = np.einsum("ni,nj->nij", at, code).reshape(len(cut), -1)
    of_network = [_SHRUNK**2 * np.einsum("ni,nj->nij", traits, part).reshape(len(cut), -1) for part in (at, code)]
    return np.hstack([np.ones((len(cut), 1)), at, code, _SHRUNK * both, _SHRUNK * traits, *of_network])


def _solve(rows: Array, target: Array) -> Array:
    """Coefficients ``[columns, penalties]``; one decomposition serves all penalties."""
    values, vectors = np.linalg.eigh(rows.T @ rows)
    turned = vectors.T @ (rows.T @ target)
    return np.asarray(vectors @ (turned[:, None] / (values[:, None] + np.asarray(_PENALTIES))), np.float64)


def _held_out(rows: Array, target: Array, folds: NDArray[np.int64]) -> Array:
    """``[n, penalties]``, each row predicted without its fold."""
    found = np.zeros((len(target), len(_PENALTIES)))
    for fold in range(_FOLDS):
        out = folds == fold
        found[out] = rows[out] @ _solve(rows[~out], target[~out])
    return found
