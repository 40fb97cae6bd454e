"""What others do with the same samples: the yardsticks of ``cost-model evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.fewshot.basis import Basis, Reach
from nasc_search.fewshot.gaussian import prior_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.fewshot.known import KnownDevice

    Array = NDArray[np.float64]

_RIDGE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Samples:
    """What a baseline may use."""

    basis: Basis
    devices: Sequence[KnownDevice]
    arch: NDArray[np.int64]
    values: Array


def flops(samples: Samples, arch: NDArray[np.int64]) -> Array:
    """A straight line through latency over multiply-accumulates; level when all samples have equally many."""
    macs, mean = samples.basis.macs(samples.arch), samples.values.mean()
    middle = macs.mean()
    spread = float(np.square(macs - middle).sum())
    slope = float((macs - middle) @ (samples.values - mean)) / spread if spread > 0 else 0.0
    return np.asarray(mean + slope * (samples.basis.macs(arch) - middle), np.float64)


def operator_ridge(samples: Samples, arch: NDArray[np.int64]) -> Array:
    """Ridge regression (penalty 0.5) on how many operators of each kind there are."""
    rows = samples.basis.operators(samples.arch)
    middle, mean = rows.mean(axis=0), samples.values.mean()
    centred = rows - middle
    gram = centred.T @ centred + _RIDGE * np.eye(rows.shape[1])
    times = np.linalg.solve(gram, centred.T @ (samples.values - mean))
    return np.asarray(mean + (samples.basis.operators(arch) - middle) @ times)


def layer_sum(samples: Samples, arch: NDArray[np.int64]) -> Array:
    """The sum of a per-layer table: the known devices' average one, since the device's own cannot be had from totals.

    One factor fits it to the samples.
    """
    table = prior_from(samples.devices, samples.basis).mean
    sums = samples.basis.features(samples.arch, Reach.EVERY) @ table
    factor = float(samples.values @ sums / (sums @ sums))
    return np.asarray(factor * (samples.basis.features(arch, Reach.EVERY) @ table))


BASELINES: Final[dict[str, Callable[[Samples, NDArray[np.int64]], Array]]] = {
    "flops": flops,
    "operator_ridge": operator_ridge,
    "layer_sum": layer_sum,
}
