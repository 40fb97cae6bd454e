"""The IR's meaning in numpy float64: small, slow, and independent of torch and of every runtime."""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.ir.network import INPUT, Activation, Block, Network, Op, OpKind
from nasc_search.export import windows
from nasc_search.weights import FoldedWeights, TensorRanges

Real = NDArray[np.float64]


def run(network: Network, weights: FoldedWeights, batch: NDArray[np.float32]) -> Real:
    """(n, height, width, channels) in and out."""
    x = batch.astype(np.float64)
    for block in network.blocks:
        x = block_values(block, weights, x)[block.output]
    return x


def ranges(network: Network, weights: FoldedWeights, batch: NDArray[np.float32]) -> TensorRanges:
    """Smallest and largest value of every tensor over the batch."""
    x = batch.astype(np.float64)
    seen: dict[tuple[str, str], tuple[float, float]] = {}
    for block in network.blocks:
        values = block_values(block, weights, x)
        seen |= {(block.name, name): (float(y.min()), float(y.max())) for name, y in values.items()}
        x = values[block.output]
    return seen


def block_values(block: Block, weights: FoldedWeights, x: Real) -> dict[str, Real]:
    """Every tensor of a block, by name."""
    values = {INPUT: x}
    for op in block.ops:
        values[op.output] = _activate(_run_op(op, values, weights), op.activation)
    return values


def _run_op(op: Op, values: dict[str, Real], weights: FoldedWeights) -> Real:
    x = values[op.inputs[0]]
    match op.kind:
        case OpKind.CONV | OpKind.DEPTHWISE | OpKind.DENSE:
            return _weighted(op, x, weights)
        case OpKind.RELU:
            return np.maximum(x, 0)
        case OpKind.ADD:
            return x + values[op.inputs[1]]
        case OpKind.AVG_POOL:
            padded = windows.pad(x, op.kernel // 2 if op.stride == 1 else 0)
            return np.asarray(windows.windows(padded, (op.kernel, op.kernel), op.stride).mean((-2, -1)))
        case OpKind.GLOBAL_POOL:
            return np.asarray(x.mean((1, 2), keepdims=True))
        case _:
            assert_never(op.kind)


def _weighted(op: Op, x: Real, weights: FoldedWeights) -> Real:
    weight, bias = weights[op.param].weight.astype(np.float64), weights[op.param].bias
    if op.kind is OpKind.DENSE:
        # Flattened as in training, where the layout is NCHW.
        flat = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        return (flat @ weight.T + bias)[:, None, None, :]
    padded = windows.pad(x, op.kernel // 2)
    if op.kind is OpKind.DEPTHWISE:
        return windows.convolve_depthwise(padded, weight.transpose(1, 2, 3, 0), op.stride) + bias
    y = np.empty((len(x), op.spec.height, op.spec.width, op.spec.channels))
    inputs = x.shape[3] // op.groups
    for group in range(op.groups):
        first = group * op.spec.channels // op.groups
        rows = slice(group, None, op.groups) if op.shuffled else slice(first, first + op.spec.channels // op.groups)
        part = padded[..., group * inputs : (group + 1) * inputs]
        y[..., rows] = windows.convolve(part, weight[rows].transpose(0, 2, 3, 1), op.stride)
    return y + bias


def _activate(x: Real, activation: Activation) -> Real:
    match activation:
        case Activation.NONE:
            return x
        case Activation.RELU:
            return np.maximum(x, 0)
        case Activation.RELU6:
            return np.clip(x, 0, 6)
        case _:
            assert_never(activation)
