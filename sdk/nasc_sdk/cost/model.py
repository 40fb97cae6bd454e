"""CostModel: what operators take on one device, and how sure that is: plain data, predicted with numpy alone.

A head's time is ``invocation + sum of its operators``, as they take inside a head. Operators are jointly normal: their
covariance says how the measurements apportioned totals among them, so that the error of a sum is not the sum of
errors. What operators cannot explain is ``residual``. All times are microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.coding import StepTime
from nasc_sdk.cost.features import OpFeatures, parse_block, parse_op
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Conditions

Array = NDArray[np.float64]
Z95: Final = 1.6448536269514722
_EXTRAPOLATION_ERROR: Final = 0.25
_OTHER_KIND_ERROR: Final = 1.0


@dataclass(frozen=True, slots=True)
class CostModel:
    """Coefficients of one device and runtime; ``covariance`` has the invocation first, then the operators."""

    device: str
    conditions: Conditions
    op_keys: tuple[str, ...]
    op_us: tuple[float, ...]
    """Median time of one operator inside a head. Where measurements cannot tell operators apart one may come out below
    zero, within its error: their sum is what is known."""
    covariance: tuple[tuple[float, ...], ...]
    invocation_us: float
    """Paid once by each run of a head."""
    residual: float = 0.03
    """Relative standard deviation of whole heads around the sum."""
    p95_ratio: float = 1.05
    """95th percentile of a run against its median."""
    origin: str = "measured"
    """``measured``, or the known device whose prior this still is."""
    coding: tuple[StepTime, ...] = ()
    """Packing and entropy coding; without any, what other machines take is assumed."""

    def __post_init__(self) -> None:
        size = len(self.op_keys) + 1
        if len(self.op_us) != size - 1 or np.shape(self.covariance) != (size, size):
            raise InputError(f"cost model of {self.device}: not as many coefficients as operators")
        numbers = [*self.op_us, self.invocation_us, self.residual, self.p95_ratio]
        numbers += [
            value for time in self.coding for value in (time.fixed_us, time.us_per_byte, time.error, time.jitter)
        ]
        if not (np.isfinite(numbers).all() and np.isfinite(self.covariance).all()):
            raise InputError(f"cost model of {self.device}: a coefficient is not a finite number")

    @property
    def op_error_us(self) -> tuple[float, ...]:
        """Standard error of each operator's time."""
        return tuple(np.sqrt(np.diag(np.asarray(self.covariance))[1:]).tolist())


@dataclass(frozen=True, slots=True)
class Prediction:
    """Medians and standard errors, microseconds; ``extrapolated`` names operators never measured."""

    us: Array
    error_us: Array
    extrapolated: tuple[str, ...] = ()

    def interval(self, coverage: float = 0.9) -> tuple[Array, Array]:
        """Lower and upper bound that hold the median with this probability, normal errors assumed."""
        z = NormalDist().inv_cdf(0.5 + coverage / 2)
        return np.maximum(self.us - z * self.error_us, 0.0), self.us + z * self.error_us


@dataclass(frozen=True, slots=True)
class BlockTimes:
    """What blocks add inside a head: [blocks], jointly normal."""

    us: Array
    covariance: Array
    """[blocks, blocks]"""
    with_invocation: Array
    """[blocks] Covariance with the invocation's time."""
    extrapolated: tuple[str, ...] = ()

    @property
    def error_us(self) -> Array:
        """Standard error of each block on its own."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))


def count_operators(heads: Sequence[Sequence[str]], op_keys: Sequence[str]) -> Array:
    """[heads, operators] How often each head, given by its block keys, runs each operator; all are in ``op_keys``."""
    column = {op: index for index, op in enumerate(op_keys)}
    counts = np.zeros((len(heads), len(op_keys)))
    for row, keys in enumerate(heads):
        for key in keys:
            for op, number in parse_block(key)[1].items():
                counts[row, column[op]] += number
    return counts


def predict_blocks(model: CostModel, keys: Sequence[str]) -> BlockTimes:
    """Time that each block adds inside a head, by block key.

    Operators that were never measured are scaled by their work from the nearest measured one of their kind, with an
    error of their own. Raises InputError when the model knows no operator at all.
    """
    op_keys = sorted({op for key in keys for op in parse_block(key)[1]})
    counts = count_operators([(key,) for key in keys], op_keys)
    weights, extra, missing = _weights(model, op_keys)
    loads = counts @ weights
    covariance = np.asarray(model.covariance)
    own = counts * extra
    return BlockTimes(
        loads @ np.asarray(model.op_us),
        loads @ covariance[1:, 1:] @ loads.T + own @ own.T,
        np.asarray(loads @ covariance[1:, 0]),
        missing,
    )


def predict_heads(model: CostModel, heads: Sequence[Sequence[str]]) -> Prediction:
    """Whole heads (or tails), each given by its block keys in order; one without blocks takes no time."""
    keys = sorted({key for head in heads for key in head})
    row = {key: index for index, key in enumerate(keys)}
    blocks = predict_blocks(model, keys)
    counts = np.zeros((len(heads), len(keys)))
    for index, head in enumerate(heads):
        for key in head:
            counts[index, row[key]] += 1
    variance = np.einsum("ij,jk,ik->i", counts, blocks.covariance, counts) + 2 * counts @ blocks.with_invocation
    return _heads(model, counts @ blocks.us, variance, counts.any(axis=1), blocks.extrapolated)


def predict_prefixes(model: CostModel, blocks: BlockTimes, block_of: NDArray[np.int64]) -> Prediction:
    """Every head of many networks: ``block_of`` [networks, blocks] to [networks, cuts].

    ``block_of`` indexes ``blocks``. Cut 0 takes no time. Reverse its second axis to get tails.
    """
    networks, length = block_of.shape
    us, variance = np.zeros((networks, length + 1)), np.zeros((networks, length + 1))
    np.cumsum(blocks.us[block_of], axis=1, out=us[:, 1:])
    for last in range(length):
        rows = block_of[:, last]
        added = blocks.covariance[rows, rows] + 2 * blocks.with_invocation[rows]
        for earlier in range(last):
            added += 2 * blocks.covariance[rows, block_of[:, earlier]]
        variance[:, last + 1] = variance[:, last] + added
    return _heads(model, us, variance, np.arange(length + 1) > 0, blocks.extrapolated)


def spread_us(model: CostModel, prediction: Prediction) -> Array:
    """Standard deviation of one run around the prediction: the device's jitter and the model's own error."""
    jitter = max(model.p95_ratio - 1.0, 0.0) / Z95 * prediction.us
    return np.hypot(jitter, prediction.error_us)


def _heads(
    model: CostModel, us: Array, variance: Array, runs: NDArray[np.bool_], extrapolated: tuple[str, ...]
) -> Prediction:
    """Add what a run costs where there is one."""
    total = np.maximum(us + np.where(runs, model.invocation_us, 0.0), 0.0)
    variance = np.where(runs, np.maximum(variance + model.covariance[0][0], 0.0), 0.0)
    return Prediction(total, np.sqrt(variance + np.square(model.residual * total)), extrapolated)


def _weights(model: CostModel, op_keys: Sequence[str]) -> tuple[Array, Array, tuple[str, ...]]:
    """Each operator in terms of measured ones [operators, measured], its own extra error, which are extrapolated."""
    known = {key: index for index, key in enumerate(model.op_keys)}
    weights, extra, missing = np.zeros((len(op_keys), len(known))), np.zeros(len(op_keys)), []
    for row, key in enumerate(op_keys):
        if key in known:
            weights[row, known[key]] = 1.0
        else:
            missing.append(key)
            extra[row] = _extrapolate(model, parse_op(key), weights[row])
    return weights, extra, tuple(missing)


def _extrapolate(model: CostModel, op: OpFeatures, row: Array) -> float:
    """Write the measured operator to scale into ``row``; returns the error this adds for one operator."""
    if not model.op_keys:
        raise InputError(f"the cost model of {model.device} knows no operator; profile the device first")

    def distance(index: int) -> tuple[bool, bool, float]:
        other = parse_op(model.op_keys[index])
        return other.kind is not op.kind, other.kernel != op.kernel, abs(math.log(_work(op) / _work(other)))

    nearest = min(range(len(model.op_keys)), key=distance)
    other_kind, _, log_ratio = distance(nearest)
    ratio = _work(op) / _work(parse_op(model.op_keys[nearest]))
    row[nearest] = ratio
    relative = _OTHER_KIND_ERROR if other_kind else _EXTRAPOLATION_ERROR
    return abs(model.op_us[nearest]) * ratio * relative * (1.0 + log_ratio)


def _work(op: OpFeatures) -> int:
    return op.macs + op.bytes_moved
