"""Basis: what a space's architectures are made of, as columns that add up to a network's latency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from nasc_search.measured.npz import SpaceName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Reach(StrEnum):
    """Which operators of a network a device runs; it differs between toolchains and shows in the latencies."""

    EVERY = "every"
    """All that are not ``none``, whether or not their result is used."""
    CONVERTED = "converted"
    """What HW-NAS-Bench's TFLite conversion left; see :func:`nasc_search.fewshot.cells.converted`."""
    LIVE = "live"
    """Only operators between the input and the output, as this project's exporter writes them."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Features of one space: latency is their sum, weighed by a device's coefficients."""

    space: SpaceName
    names: tuple[str, ...]
    """What each coefficient is the time of."""
    spread: NDArray[np.float64]
    """[features] Standard deviation of each coefficient on its own, relative to a network's mean latency."""
    work: NDArray[np.float64]
    """[features] Multiply-accumulates of each coefficient, relative to a mean network's: how a device that arithmetic
    alone binds would differ."""
    reaches: dict[Reach, float]
    """What devices of this space may do with operators whose result is not used, and how probable that is before
    anything is measured."""
    features: Callable[[NDArray[np.int64], Reach], NDArray[np.float64]]
    """(architectures, reach) -> [n, features]."""
    macs: Callable[[NDArray[np.int64]], NDArray[np.float64]]
    """Multiply-accumulates of whole networks: [n]."""
    operators: Callable[[NDArray[np.int64]], NDArray[np.float64]]
    """How many operators of each kind a network has, wherever they are: [n, kinds]."""


def basis_of(space: SpaceName) -> Basis:
    """The basis of a space."""
    from nasc_search.fewshot.cells import CELL_BASIS
    from nasc_search.fewshot.layers import LAYER_BASIS

    return {SpaceName.NB201: CELL_BASIS, SpaceName.FBNET: LAYER_BASIS}[space]
