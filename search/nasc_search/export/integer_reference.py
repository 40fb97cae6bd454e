"""What an exported int8 model must compute, in numpy: the written graph with the rounding of its kernels.

``Kernels.REFERENCE`` is TFLite's ``BUILTIN_REF`` to the bit. ``Kernels.XNNPACK`` is what LiteRT runs by
default, to the bit as well on the machines tried; the two differ by one step in about one of 500 results of a
convolution, which adds up over a network. Sums are held in float64, where integers of this size are exact and
matrix products fast.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Quantization
from nasc_sdk.ir.network import Activation
from nasc_sdk.tflite import fixed_point
from nasc_search.export import windows, xnnpack_rounding
from nasc_search.export.forms import Form
from nasc_search.export.graph import Code, Graph, Node, Padding, Tensor
from nasc_search.export.quantize import QuantizedNetwork
from nasc_search.export.writer import int8_graph

Int = NDArray[np.int64]


class Kernels(StrEnum):
    """Whose rounding to follow."""

    REFERENCE = "reference"
    """TFLite's and TensorFlow Lite Micro's reference kernels."""
    XNNPACK = "xnnpack"


_ROUNDING = {Kernels.REFERENCE: fixed_point, Kernels.XNNPACK: xnnpack_rounding}
_NATURAL = {Form.BUILTIN: Kernels.REFERENCE, Form.XNNPACK: Kernels.XNNPACK}


def run(
    quantized: QuantizedNetwork,
    batch: NDArray[np.int8],
    form: Form = Form.BUILTIN,
    kernels: Kernels | None = None,
) -> NDArray[np.int8]:
    """(n, height, width, channels) in and out; without ``kernels``, those that the form is written for."""
    return run_graph(int8_graph(quantized, form), batch, kernels or _NATURAL[form])


def run_graph(
    graph: Graph, batch: NDArray[np.int8], kernels: Kernels = Kernels.REFERENCE
) -> NDArray[np.int8]:
    """The same for a graph that is already lowered."""
    values: dict[str, Int] = {graph.input: batch.astype(np.int64)}
    for node in graph.nodes:
        tensors = [graph.tensors[name] for name in node.inputs]
        sources = [values[name] if name in values else _constant(graph.tensors[name]) for name in node.inputs]
        values[node.output] = _run_node(node, tensors, sources, graph.tensors[node.output], kernels)
    return values[graph.output].astype(np.int8)


def _constant(tensor: Tensor) -> Int:
    assert tensor.data is not None
    return tensor.data.astype(np.int64)


def _run_node(node: Node, tensors: list[Tensor], sources: list[Int], target: Tensor, kernels: Kernels) -> Int:
    x, after = sources[0], _parameters(target)
    match node.code:
        case Code.CONV_2D | Code.DEPTHWISE_CONV_2D:
            scales = tensors[1].channel_scales
            assert scales is not None
            total = _convolve(node, sources, _parameters(tensors[0]).zero_point)
            y = _ROUNDING[kernels].requantize(total, _parameters(tensors[0]).scale, scales, after.scale)
            y = y + after.zero_point
        case Code.ADD:
            first, second = (
                (steps - _parameters(tensor).zero_point, _parameters(tensor).scale)
                for steps, tensor in zip(sources, tensors, strict=True)
            )
            y = _ROUNDING[kernels].add(first, second, after.scale) + after.zero_point
        case Code.RELU:
            return _clamp(_rescale(x, _parameters(tensors[0]), after), Activation.RELU, after)
        case Code.AVERAGE_POOL_2D:
            y = _average_pool(node, x)
        case Code.PAD:
            return windows.pad(x - after.zero_point, int(sources[1][1, 0])) + after.zero_point
        case Code.RESHAPE:
            return x
        case _:
            assert_never(node.code)
    return _clamp(y, node.activation, after)


def _convolve(node: Node, sources: list[Int], zero_point: int) -> Int:
    """Weights are (out, height, width, in) or (1, height, width, channels)."""
    x, weight, bias = sources
    # The exporter uses SAME for odd kernels at stride 1 only.
    margin = weight.shape[1] // 2 if node.padding is Padding.SAME else 0
    shifted = windows.pad((x - zero_point).astype(np.float64), margin)
    convolve = windows.convolve if node.code is Code.CONV_2D else windows.convolve_depthwise
    return np.asarray(convolve(shifted, weight.astype(np.float64), node.stride).astype(np.int64) + bias)


def _rescale(x: Int, source: Quantization, target: Quantization) -> Int:
    multiplier = fixed_point.Multiplier.of(source.scale / target.scale)
    return multiplier.apply(x - source.zero_point) + target.zero_point


def _average_pool(node: Node, x: Int) -> Int:
    """Rounds stored values half away from zero; scale and zero point pass through."""
    count = node.kernel[0] * node.kernel[1]
    total = windows.windows(x, node.kernel, node.stride).sum((-2, -1))
    magnitude = (np.abs(total) + count // 2) // count
    return np.where(total > 0, magnitude, -magnitude)


def _clamp(y: Int, activation: Activation, target: Quantization) -> Int:
    low, high = -128, 127
    if activation is not Activation.NONE:
        low = max(low, target.zero_point)
    if activation is Activation.RELU6:
        high = min(high, target.zero_point + int(np.floor(np.float32(6.0) / np.float32(target.scale) + 0.5)))
    return np.clip(y, low, high)


def _parameters(tensor: Tensor) -> Quantization:
    assert tensor.quantization is not None
    return tensor.quantization
