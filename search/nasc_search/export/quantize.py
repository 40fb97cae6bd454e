"""Int8 numbers for a network: asymmetric per tensor for activations, symmetric per channel for weights.

Rules, after the TFLite 8-bit quantization specification:

* A tensor's range always contains zero, so that padding and RELU are exact.
* AVERAGE_POOL_2D needs equal scales on both sides: an average pool hands its input's parameters on.
* A block's output and the next block's input are one tensor with one set of parameters, whatever is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Quantization
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import INPUT, Block, Network, Op, OpKind
from nasc_search.export.simplify import simplify
from nasc_search.weights import FoldedWeights, LayerWeights, TensorRanges

STEPS = 255
_LOWEST, _HIGHEST = -128, 127
_MIN_RANGE = 1e-6
# XNNPACK's int8 additions take input scales up to 2^8 times the output's; one bit is kept for rounding.
_MAX_SCALE_RATIO = 2.0**7
# A bias stays a factor of two away from the ends of int32, a multiplier far from where runtimes drop it.
_MAX_BIAS = 2.0**30
_MIN_MULTIPLIER = 2.0**-28

TensorKey = tuple[str, str]
"""(block name, tensor name)"""


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedLayer:
    """Integer weights of one CONV, DEPTHWISE or DENSE."""

    weight: NDArray[np.int8]
    """Shaped as in LayerWeights; -127..127."""
    bias: NDArray[np.int32]
    """int32, in units of input scale times weight scale."""
    scales: NDArray[np.float32]
    """(out,): real = scale * weight"""


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedNetwork:
    """A simplified network with every tensor's parameters; slices share them."""

    network: Network
    tensors: Mapping[TensorKey, Quantization]
    layers: Mapping[TensorKey, QuantizedLayer]
    """Keyed by the operator's output."""

    @property
    def input(self) -> Quantization:
        """Of the first block's input."""
        return self.at_cut(0)

    @property
    def output(self) -> Quantization:
        """Of the last block's output."""
        return self.at_cut(len(self.network.blocks))

    def at_cut(self, cut: int) -> Quantization:
        """Of the tensor that crosses ``cut`` (counted within this slice)."""
        blocks = self.network.blocks
        if cut == 0:
            return self.tensors[blocks[0].name, INPUT]
        return self.tensors[blocks[cut - 1].name, blocks[cut - 1].output]

    def slice(self, start: int, stop: int) -> QuantizedNetwork:
        """Blocks ``start`` to ``stop`` (exclusive); InputError when there are none."""
        if not 0 <= start < stop <= len(self.network.blocks):
            raise InputError(f"blocks {start}:{stop} of {len(self.network.blocks)} are no network")
        return replace(self, network=replace(self.network, blocks=self.network.blocks[start:stop]))

    def head(self, cut: int) -> QuantizedNetwork:
        """Blocks before the cut; InputError at cut 0, where there is nothing to run."""
        return self.slice(0, cut)


def quantize(network: Network, weights: FoldedWeights, ranges: TensorRanges) -> QuantizedNetwork:
    """Quantize the simplified network; InputError when weights or ranges are missing or not finite."""
    network = simplify(network)
    tensors: dict[TensorKey, Quantization] = {}
    layers: dict[TensorKey, QuantizedLayer] = {}
    before: Quantization | None = None
    for block in network.blocks:
        tensors[block.name, INPUT] = before or _parameters(_range(ranges, block, INPUT))
        for op in block.ops:
            inputs = tuple(tensors[block.name, name] for name in op.inputs)
            key = (block.name, op.output)
            if op.kind is OpKind.AVG_POOL:
                tensors[key] = inputs[0]
                continue
            layer = _weights(weights, op) if op.param else None
            tensors[key] = _parameters(_range(ranges, block, op.output), _coarsest(inputs, layer))
            if layer is not None:
                layers[key] = _layer(layer, inputs[0].scale, tensors[key].scale)
        before = tensors[block.name, block.output]
    return QuantizedNetwork(network, tensors, layers)


def quantize_array(values: NDArray[np.float32], quantization: Quantization) -> NDArray[np.int8]:
    """Real values to stored ones, rounded to nearest and saturated."""
    steps = np.rint(values / quantization.scale) + quantization.zero_point
    return np.asarray(np.clip(steps, _LOWEST, _HIGHEST).astype(np.int8))


def dequantize_array(stored: NDArray[np.int8], quantization: Quantization) -> NDArray[np.float32]:
    """Stored values to real ones."""
    return (stored.astype(np.float32) - quantization.zero_point) * np.float32(quantization.scale)


def _range(ranges: TensorRanges, block: Block, tensor: str) -> tuple[float, float]:
    """The calibrated range, widened to contain zero."""
    try:
        low, high = ranges[block.name, tensor]
    except KeyError:
        raise InputError(f"no range was calibrated for tensor {tensor} of block {block.name}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise InputError(f"tensor {tensor} of block {block.name} has no usable range: {low} to {high}")
    return min(low, 0.0), max(high, 0.0)


def _parameters(limits: tuple[float, float], smallest_scale: float = 0.0) -> Quantization:
    """Scale (a float32) and zero point that cover the limits; a range of no width gets a small one."""
    low, high = limits
    scale = float(np.float32(max((high - low) / STEPS, _MIN_RANGE / STEPS, smallest_scale)))
    return Quantization(scale, int(np.clip(round(_LOWEST - low / scale), _LOWEST, _HIGHEST)))


def _coarsest(inputs: tuple[Quantization, ...], layer: LayerWeights | None) -> float:
    """Smallest scale an output may have: below it, multipliers leave the range that every runtime handles."""
    widest = max(quantization.scale for quantization in inputs)
    if layer is None:
        return widest / _MAX_SCALE_RATIO
    return widest * float(np.abs(layer.weight).max(initial=0.0)) / _HIGHEST


def _weights(weights: FoldedWeights, op: Op) -> LayerWeights:
    try:
        layer = weights[op.param]
    except KeyError:
        raise InputError(f"no weights for {op.param}") from None
    if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
        raise InputError(f"weights of {op.param} are not finite")
    return layer


def _layer(layer: LayerWeights, input_scale: float, output_scale: float) -> QuantizedLayer:
    """Symmetric per-channel weights; a channel of nearly no weight gets a scale at which its bias fits."""
    largest = np.abs(layer.weight).reshape(len(layer.weight), -1).max(axis=1).astype(np.float64)
    scales = np.maximum.reduce(
        (
            largest / _HIGHEST,
            np.abs(layer.bias.astype(np.float64)) / (input_scale * _MAX_BIAS),
            np.full(len(largest), _MIN_MULTIPLIER * output_scale / input_scale),
        )
    ).astype(np.float32)
    exact = scales.astype(np.float64)
    shaped = exact.reshape((-1,) + (1,) * (layer.weight.ndim - 1))
    weight = np.clip(np.rint(layer.weight / shaped), -_HIGHEST, _HIGHEST).astype(np.int8)
    bias = np.rint(layer.bias / (exact * input_scale)).astype(np.int32)
    return QuantizedLayer(weight, bias, scales)
