"""How alike networks of a layered space are expected to be: covariances of a Gaussian prior over their accuracies.

Additive: what a choice adds at a layer. A part of it is the layer's own; the rest is shared, less and less, with the
layers around it, and with choices of like traits (kernel, expansion) where these are told. So choices that no
evaluated network has are not without an estimate. On top of it, what does not add up: pairs of neighbouring layers,
and a smooth function of all that is shared (depth, size, number of skips).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasc_sdk.errors import InputError
from nasc_search.accuracy.kernel_ridge import Array

Codes = NDArray[np.int64]

_REACH_LAYERS: Final = 3.0
"""Layers so far apart share 1/e of what neighbours do: about a stage."""
_LENGTH: Final = 1.0
"""Of the smooth function, in distances of two random networks."""


@dataclass(frozen=True)
class Space:
    """Layers, their numbers of choices, and what is told of the choices."""

    sizes: tuple[int, ...]
    traits: Array
    """[C, t] Standardised; t may be 0. A choice means the same at each layer."""

    @classmethod
    def of(cls, sizes: Sequence[int], traits: ArrayLike | None) -> Space:
        """Standardises the traits; InputError where they are not one row of numbers for each choice."""
        if not sizes or min(sizes) < 1:
            raise InputError(f"{list(sizes)!r:.80} are no numbers of choices: at least one layer, one choice at each")
        told = np.zeros((max(sizes), 0)) if traits is None else np.asarray(traits, np.float64)
        if told.ndim != 2 or len(told) != max(sizes) or not np.isfinite(told).all():
            raise InputError(f"traits {told.shape} are not one row of numbers for each of {max(sizes)} choices")
        spread = told.std(axis=0)
        return cls(tuple(sizes), (told - told.mean(axis=0)) / np.where(spread > 0, spread, np.inf))

    @property
    def width(self) -> int:
        """Largest number of choices, C."""
        return max(self.sizes)

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[L, C] Whether there is such a choice."""
        return np.asarray(np.arange(self.width) < np.array(self.sizes)[:, None])

    def checked(self, codes: NDArray[np.integer[Any]]) -> Codes:
        """The codes as they are; InputError when they are not of this space."""
        rows = np.asarray(codes)
        if rows.dtype.kind not in "iu" or rows.ndim != 2 or rows.shape[1] != len(self.sizes):
            raise InputError(f"codes {rows.shape} of {rows.dtype} are not [n, {len(self.sizes)}] whole numbers")
        wrong = np.argwhere((rows < 0) | (rows >= np.array(self.sizes)))
        if len(wrong):
            at, layer = wrong[0].tolist()
            raise InputError(
                f"choice {rows[at, layer]} at layer {layer} of network {at} is not among 0 to {self.sizes[layer] - 1}"
            )
        return rows.astype(np.int64)

    def hot(self, codes: Codes) -> Array:
        """[n, L * C] One where a layer takes a choice."""
        return np.eye(self.width)[codes].reshape(len(codes), -1)

    @cached_property
    def shared(self) -> Array:
        """[L * C, L * C] Covariance of what choices add as far as it is shared between layers."""
        layer = np.arange(len(self.sizes))
        near = np.exp(-np.abs(layer[:, None] - layer) / _REACH_LAYERS)
        return np.asarray(np.kron(near, self.alike), np.float64)

    @cached_property
    def alike(self) -> Array:
        """[C, C] Covariance of two choices at one layer; 1 on the diagonal's mean."""
        same = np.eye(self.width)
        if not self.traits.shape[1]:
            return same
        by_traits = self.traits @ self.traits.T
        return np.asarray(0.5 * (same + by_traits / np.trace(by_traits) * self.width), np.float64)


@dataclass(frozen=True, slots=True)
class Covariance:
    """Weights of the parts; the additive ones come to 1."""

    own: float
    pairs: float = 0.0
    smooth: float = 0.0

    def of_choices(self, space: Space) -> Array:
        """[L * C, L * C] Additive part: covariance of what choices add."""
        own = self.own * np.eye(len(space.sizes) * space.width)
        return np.asarray((own + (1 - self.own) * space.shared) / len(space.sizes), np.float64)

    def between(self, space: Space, first: Codes, second: Codes) -> Array:
        """[n, m] Of two lists of networks."""
        hot, other = space.hot(first), space.hot(second)
        found = hot @ self.of_choices(space) @ other.T
        if self.pairs:
            found += self.pairs * _pairs(space, first, second)
        if self.smooth:
            found += self.smooth * _smooth(space, hot, other)
        return np.asarray(found, np.float64)


def _pairs(space: Space, first: Codes, second: Codes) -> Array:
    """Neighbours that are alike in both lists, mean over the places."""
    found = np.zeros((len(first), len(second)))
    before = space.alike[np.ix_(first[:, 0], second[:, 0])]
    for left, right in zip(first.T[1:], second.T[1:], strict=True):
        here = space.alike[np.ix_(left, right)]
        found += before * here
        before = here
    return found / max(len(space.sizes) - 1, 1)


def _smooth(space: Space, hot: Array, other: Array) -> Array:
    first, second = hot @ space.shared, other @ space.shared
    squared = (first * hot).sum(axis=1)[:, None] + (second * other).sum(axis=1) - 2 * first @ other.T
    typical = 2 * (np.trace(space.shared) - space.shared.mean() * len(space.shared)) / space.width
    return np.asarray(np.exp(-squared / (2 * _LENGTH**2 * typical)), np.float64)
