"""What operators take before a device was measured: the prior of every fit.

An operator's time is in proportion to its work (multiply-accumulates and bytes) with a rate that operators of one kind
share. How far kinds deviate from work, and together, is read off the known devices (:mod:`nasc_search.fewshot.known`);
what a shape changes is each operator's own. Totals of a benchmark say nothing about where in the network time is
spent: that one rate holds in all stages of a known device is an assumption, and its error is ``_SHAPE_SD``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.cost.features import op_key, parse_op
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import INPUT, Op, OpKind, TensorSpec
from nasc_search.fewshot.known import KnownDevice, shipped
from nasc_search.measured.npz import SpaceName

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_MACS_A_BYTE: Final = 8.0
"""Multiply-accumulates that take as long as a byte moved; kernels with SIMD lie between 4 and 30."""
_OVERHEAD_BYTES: Final = 2000.0
"""What calling any operator costs, in bytes moved."""
_SHAPE_SD: Final = 0.25
_VARIANT_SD: Final = 1.0
"""Strides and inputs of a few channels run at other rates than their kind, often far slower."""
_FEW_CHANNELS: Final = 4
_STRANGE_KIND_SD: Final = 0.7
_KIND_FLOOR_SD: Final = 0.35
"""Int8 kernels of one board are another program than a known device's: kinds vary at least this much."""
_SCALE_SD: Final = 2.0
_KNOWN_SCALE_SD: Final = 0.3
_STAGES: Final = (TensorSpec(32, 32, 16), TensorSpec(16, 16, 32), TensorSpec(8, 8, 64))
_CELLS_A_STAGE: Final = 5

Kind = tuple[OpKind, int]
"""Operator and kernel."""
_MEASURED: Final[dict[str, Kind]] = {
    "conv_1x1": (OpKind.CONV, 1),
    "conv_3x3": (OpKind.CONV, 3),
    "pool_3x3": (OpKind.AVG_POOL, 3),
}
"""Coefficients of NAS-Bench-201's table and the operators they time; a skip is no operator of ours."""


@dataclass(frozen=True, slots=True)
class OperatorPrior:
    """Operators' times before measuring: ``mean`` times a scale that nobody knows, unless ``scale_us`` is given."""

    op_keys: tuple[str, ...]
    mean: Array
    """[operators] in bytes of equal duration."""
    relative: Array
    """[operators, operators] Covariance, relative to the means."""
    scale_us: float | None = None
    """Microseconds a byte of equal duration, from a known device; its uncertainty is in ``relative``."""


def operator_prior(op_keys: Sequence[str], known: KnownDevice | None = None) -> OperatorPrior:
    """The prior of these operators on an unknown board, or on one like a ``known`` device of NAS-Bench-201's table."""
    ops = [parse_op(key) for key in op_keys]
    kinds = [(op.kind, op.kernel) for op in ops]
    work = np.array([_work(key) for key in op_keys])
    order, logs = _rates()
    among = [order.index(kind) if kind in order else -1 for kind in kinds]
    centre, spread = logs.mean(axis=0), np.cov(logs.T, bias=True) + _KIND_FLOOR_SD**2 * np.eye(len(order))
    scale = None
    if known is not None:
        rates = np.log(_rate_of(known))
        scale = float(np.exp(rates.mean()))
        centre, spread = rates - rates.mean(), _KIND_FLOOR_SD**2 * np.eye(len(order))
    mean = work * np.exp([centre[at] if at >= 0 else 0.0 for at in among])
    same = np.array([[a == b for b in kinds] for a in kinds], np.float64).reshape(len(ops), len(ops))
    relative = _STRANGE_KIND_SD**2 * same
    seen = [at for at, found in enumerate(among) if found >= 0]
    places = [among[at] for at in seen]
    relative[np.ix_(seen, seen)] = spread[np.ix_(places, places)]
    own = [_VARIANT_SD if op.stride > 1 or op.source.channels < _FEW_CHANNELS else _SHAPE_SD for op in ops]
    relative += (_SCALE_SD if known is None else _KNOWN_SCALE_SD) ** 2 + np.diag(np.square(own))
    return OperatorPrior(tuple(op_keys), mean, relative, scale)


def known_device(name: str) -> KnownDevice:
    """A shipped device by name; InputError says which there are."""
    table = shipped(SpaceName.NB201)
    if name not in {device.name for device in table.devices}:
        names = ", ".join(sorted(device.name for device in table.devices))
        raise InputError(f"no known device is called {name}; there are {names}")
    return table.select([name])[0]


@cache
def _rates() -> tuple[tuple[Kind, ...], Array]:
    """Kinds that the known devices tell of, and [devices, kinds] logarithms of time by work, zero in the mean."""
    rates = np.log([_rate_of(device) for device in shipped(SpaceName.NB201).devices])
    return tuple(_MEASURED.values()), rates - rates.mean(axis=1, keepdims=True)


def _rate_of(device: KnownDevice) -> Array:
    """Microseconds a byte of equal duration, by kind; at least a fiftieth of the dearest, as fits can be negative."""
    from nasc_search.fewshot.cells import CELL_BASIS

    times = dict(zip(CELL_BASIS.names, device.coefficients.tolist(), strict=True))
    rates = []
    for name, (kind, kernel) in _MEASURED.items():
        ops = (Op(kind, (INPUT,), "y", spec, kernel) for spec in _STAGES)
        work = _CELLS_A_STAGE * sum(_work(op_key(op, op.spec)) for op in ops)
        rates.append(times[name] * device.mean * 1000 / work)
    return np.maximum(np.array(rates), max(rates) / 50)


def _work(key: str) -> float:
    """Bytes of equal duration."""
    op = parse_op(key)
    macs = op.macs if op.kind in (OpKind.CONV, OpKind.DEPTHWISE, OpKind.DENSE, OpKind.AVG_POOL) else 0
    return macs / _MACS_A_BYTE + op.bytes_moved + _OVERHEAD_BYTES
