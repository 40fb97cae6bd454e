"""CostModel: fitted latency of operators, blocks and heads on one device: plain data.

A head's time is ``invocation + block_us * (blocks - 1) + scale * sum of its blocks``; a block's is the sum of
its operators, corrected by its own measurement where there is one. All times are microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.features import OpFeatures, parse_block, parse_op
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Conditions

Array = NDArray[np.float64]
Z95: Final = 1.6448536269514722
_EXTRAPOLATION_ERROR: Final = 0.25
_OTHER_KIND_ERROR: Final = 1.0


@dataclass(frozen=True, slots=True)
class MeasuredBlock:
    """A block's own time without the invocation, and its standard error; microseconds."""

    us: float
    error_us: float


@dataclass(frozen=True, slots=True)
class CostModel:
    """Coefficients of one device and runtime; ``covariance`` has the invocation first, then the operators."""

    device: str
    conditions: Conditions
    op_keys: tuple[str, ...]
    op_us: tuple[float, ...]
    """Median time of one operator."""
    covariance: tuple[tuple[float, ...], ...]
    invocation_us: float
    """Paid once by each run of a head."""
    block_us: float = 0.0
    """Paid between two blocks of a head; negative where joining blocks saves time."""
    scale: float = 1.0
    """Whole heads against the sum of their blocks."""
    residual: float = 0.03
    """Relative standard deviation of whole heads around the prediction."""
    p95_ratio: float = 1.05
    """95th percentile of a run against its median."""
    blocks: dict[str, MeasuredBlock] = field(default_factory=dict)
    """Blocks that were measured themselves, by block key."""

    def __post_init__(self) -> None:
        size = len(self.op_keys) + 1
        if len(self.op_us) != size - 1 or np.shape(self.covariance) != (size, size):
            raise InputError(f"cost model of {self.device}: not as many coefficients as operators")

    @property
    def op_error_us(self) -> tuple[float, ...]:
        """Standard error of each operator's time."""
        return tuple(np.sqrt(np.diag(np.asarray(self.covariance))[1:]).tolist())

    @property
    def invocation_error_us(self) -> float:
        """Standard error of the invocation."""
        return math.sqrt(self.covariance[0][0])


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


def predict_counts(model: CostModel, op_keys: Sequence[str], counts: NDArray[np.int64]) -> Prediction:
    """Blocks from feature counts, shape [blocks, operators], without invocation and head correction.

    Operators that were never measured are scaled by their work from the nearest measured one of their kind.
    """
    known = {key: index for index, key in enumerate(model.op_keys)}
    weights = np.zeros((len(op_keys), len(known)))
    extra = np.zeros(len(op_keys))
    missing = []
    for row, key in enumerate(op_keys):
        if key in known:
            weights[row, known[key]] = 1.0
        else:
            missing.append(key)
            extra[row] = _extrapolate(model, parse_op(key), weights[row])
    loads = counts @ weights
    variance = np.einsum("ij,jk,ik->i", loads, np.asarray(model.covariance)[1:, 1:], loads)
    us = loads @ np.asarray(model.op_us)
    return Prediction(us, np.sqrt(np.maximum(variance, 0.0)) + counts @ extra, tuple(missing))


def predict_blocks(model: CostModel, keys: Sequence[str]) -> Prediction:
    """Time that each block adds inside a head, by block key: scaled to whole heads, own measurements used."""
    features = [parse_block(key)[1] for key in keys]
    op_keys = sorted({op for block in features for op in block})
    column = {op: index for index, op in enumerate(op_keys)}
    counts = np.zeros((len(keys), len(op_keys)), np.int64)
    for row, block in enumerate(features):
        for op, count in block.items():
            counts[row, column[op]] = count
    summed = predict_counts(model, op_keys, counts)
    us, error = summed.us.copy(), summed.error_us.copy()
    for row, key in enumerate(keys):
        if key in model.blocks:
            us[row], error[row] = model.blocks[key].us, model.blocks[key].error_us
    missing = set(summed.extrapolated)
    unknown = {
        op for key, block in zip(keys, features, strict=True) if key not in model.blocks for op in block
    } & missing
    return Prediction(us * model.scale, error * model.scale, tuple(sorted(unknown)))


def predict_heads(model: CostModel, heads: Sequence[Sequence[str]]) -> Prediction:
    """Whole heads (or tails), each given by its block keys in order; one without blocks takes no time."""
    keys = sorted({key for head in heads for key in head})
    row = {key: index for index, key in enumerate(keys)}
    blocks = predict_blocks(model, keys)
    us, error = np.zeros(len(heads)), np.zeros(len(heads))
    for index, head in enumerate(heads):
        rows = [row[key] for key in head]
        us[index], error[index] = blocks.us[rows].sum(), blocks.error_us[rows].sum()
    return _heads(model, us, error, np.asarray([len(head) for head in heads]), blocks.extrapolated)


def predict_prefixes(model: CostModel, blocks: Prediction, block_of: NDArray[np.int64]) -> Prediction:
    """Every head of many networks: ``block_of`` [networks, blocks] to [networks, cuts].

    ``block_of`` indexes ``blocks``. Cut 0 takes no time. Reverse its second axis to get tails.
    """
    networks, length = block_of.shape
    us, error = np.zeros((networks, length + 1)), np.zeros((networks, length + 1))
    np.cumsum(blocks.us[block_of], axis=1, out=us[:, 1:])
    np.cumsum(blocks.error_us[block_of], axis=1, out=error[:, 1:])
    return _heads(model, us, error, np.arange(length + 1), blocks.extrapolated)


def spread_us(model: CostModel, prediction: Prediction) -> Array:
    """Standard deviation of one run around the prediction: the device's jitter and the model's own error."""
    jitter = max(model.p95_ratio - 1.0, 0.0) / Z95 * prediction.us
    return np.hypot(jitter, prediction.error_us)


def _heads(
    model: CostModel, us: Array, error: Array, blocks: NDArray[np.int64], extrapolated: tuple[str, ...]
) -> Prediction:
    """Add what whole heads pay; errors of blocks share their coefficients, so they add up linearly."""
    total = us + np.where(blocks > 0, model.invocation_us + model.block_us * (blocks - 1), 0.0)
    total = np.maximum(total, 0.0)
    return Prediction(total, np.hypot(error, model.residual * total), extrapolated)


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
    return model.op_us[nearest] * ratio * relative * (1.0 + log_ratio)


def _work(op: OpFeatures) -> int:
    return op.macs + op.bytes_moved
