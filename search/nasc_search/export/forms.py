"""From the IR to .tflite operators: which operators express an IR operator on which kernels.

Two forms of one network, with equal parameters of every IR tensor:

* ``BUILTIN``: RELU and AVERAGE_POOL_2D as they are; a pool that counts its padding gets a PAD before it.
  Best on TFLite's builtin and reference kernels and on microcontrollers.
* ``XNNPACK``: that delegate takes neither int8 RELU nor int8 AVERAGE_POOL_2D, and each one splits the network
  into one more partition. Here RELU is ADD(x, 0) with a fused RELU, and the pool a depthwise convolution.

In both,

* a convolution whose symmetric padding is not TFLite's SAME (stride 2, even kernels) is PAD + VALID;
* a grouped CONV is a dense CONV_2D with zeros between the groups: TFLite's builtin kernels run groups in their
  reference code, 5 to 15 times slower than a dense convolution, and a shuffle would need a TRANSPOSE
  (docs/adr/0014-grouped-convolutions.md);
* DENSE is a CONV_2D that covers its whole input: per-channel weights on every runtime;
* an int8 GLOBAL_POOL is a depthwise convolution that does: MEAN gives different results on different kernels,
  and AVERAGE_POOL_2D cannot change the scale;
* a network without any operator is a RESHAPE to the same shape;
* there is never a TRANSPOSE: tensors are NHWC from end to end.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol, assert_never

import numpy as np

from nasc_sdk.bundle import Quantization
from nasc_sdk.ir.network import INPUT, Activation, Block, Network, Op, OpKind, TensorSpec
from nasc_search.export.graph import Array, Code, Graph, Node, Padding, Tensor
from nasc_search.weights import group_mask

# A depthwise pool's weights are as large as they can be, since LiteRT's kernels lose low bits of small sums,
# and a trace too heavy, so that ties are rounded away from zero everywhere: XNNPACK would round them to even.
_POOL_WEIGHT: Final = 127
_TIE_BREAK: Final = 1 + 2.0**-16


class Form(StrEnum):
    """Which kernels a model is written for."""

    BUILTIN = "builtin"
    XNNPACK = "xnnpack"


class Parameters(Protocol):
    """One layer's stored weights, in the IR's layout."""

    @property
    def weight(self) -> Array:
        """As in :class:`~nasc_search.weights.LayerWeights`."""

    @property
    def bias(self) -> Array:
        """(out,)"""

    @property
    def scales(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None:
        """(out,) of int8 weights; None for float32."""


class Numbers(Protocol):
    """How the values of a network are stored: int8 with parameters, or float32."""

    def quantization(self, block: Block, tensor: str) -> Quantization | None:
        """Parameters of an activation; None for float32."""

    def layer(self, block: Block, op: Op) -> Parameters:
        """Weights of an operator."""


def lower(network: Network, numbers: Numbers, form: Form) -> Graph:
    """The graph of a simplified network of at least one block."""
    lowering = _Lowering(numbers, form)
    first = network.blocks[0]
    name = start = lowering.activation(first, INPUT, first.input)
    for block in network.blocks:
        name = lowering.block(block, name)
    if not lowering.nodes:
        name = lowering.identity(first, start)
    return Graph(lowering.tensors, tuple(lowering.nodes), start, name)


class _Lowering:
    """Tensors and nodes of the graph under construction."""

    def __init__(self, numbers: Numbers, form: Form) -> None:
        self._numbers = numbers
        self._form = form
        self._names: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []

    def block(self, block: Block, source: str) -> str:
        """Append one block that reads ``source``; the name of its output."""
        self._names = {INPUT: source}
        for op in block.ops:
            self._names[op.output] = self.activation(block, op.output, op.spec)
            self._op(block, op)
        return self._names[block.output]

    def activation(self, block: Block, tensor: str, spec: TensorSpec) -> str:
        """Declare a tensor of the IR."""
        quantization = self._numbers.quantization(block, tensor)
        shape = (1, spec.height, spec.width, spec.channels)
        return self._declare(f"{block.name}/{tensor}", shape, quantization)

    def identity(self, block: Block, source: str) -> str:
        """A copy of ``source``: a .tflite model whose input is its output is not legal everywhere."""
        tensor = self.tensors[source]
        output = self._declare(f"{block.name}/identity", tensor.shape, tensor.quantization)
        shape = self._constant(f"{output}/shape", np.array(tensor.shape, np.int32))
        self.nodes.append(Node(Code.RESHAPE, (source, shape), output))
        return output

    def _op(self, block: Block, op: Op) -> None:
        output = self._names[op.output]
        source = self.tensors[self._names[op.inputs[0]]]
        match op.kind:
            case OpKind.CONV | OpKind.DEPTHWISE:
                self._convolution(block, op, source, output)
            case OpKind.DENSE:
                self._dense(block, op, source, output)
            case OpKind.RELU:
                self._relu(source, output)
            case OpKind.ADD:
                inputs = (source.name, self._names[op.inputs[1]])
                self.nodes.append(Node(Code.ADD, inputs, output, activation=op.activation))
            case OpKind.AVG_POOL:
                self._average_pool(op, source, output)
            case OpKind.GLOBAL_POOL:
                self._global_pool(source, output)
            case _:
                assert_never(op.kind)

    def _convolution(self, block: Block, op: Op, source: Tensor, output: str) -> None:
        layer = self._numbers.layer(block, op)
        depthwise = op.kind is OpKind.DEPTHWISE
        dense = layer.weight if op.groups == 1 else _dense(op, layer.weight, source.shape[3])
        weight = dense.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
        code = Code.DEPTHWISE_CONV_2D if depthwise else Code.CONV_2D
        inputs, padding = self._padded(source, output, op.kernel, op.stride, op.kernel // 2)
        stored = self._weights(output, weight, layer.bias, layer.scales, source, axis=3 if depthwise else 0)
        self.nodes.append(
            Node(code, (inputs, *stored), output, op.stride, padding=padding, activation=op.activation)
        )

    def _dense(self, block: Block, op: Op, source: Tensor, output: str) -> None:
        layer = self._numbers.layer(block, op)
        _, height, width, channels = source.shape
        weight = layer.weight.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        stored = self._weights(output, weight, layer.bias, layer.scales, source, axis=0)
        self.nodes.append(Node(Code.CONV_2D, (source.name, *stored), output, activation=op.activation))

    def _relu(self, source: Tensor, output: str) -> None:
        if self._form is Form.BUILTIN or source.quantization is None:
            self.nodes.append(Node(Code.RELU, (source.name,), output))
            return
        scale = Quantization(source.quantization.scale, 0)
        zero = self._constant(f"{output}/zero", np.zeros((1,), np.int8), scale)
        self.nodes.append(Node(Code.ADD, (source.name, zero), output, activation=Activation.RELU))

    def _average_pool(self, op: Op, source: Tensor, output: str) -> None:
        margin = op.kernel // 2 if op.stride == 1 else 0
        kernel = (op.kernel, op.kernel)
        if self._form is Form.BUILTIN:
            padded = self._pad(source, output, margin) if margin else source.name
            self.nodes.append(Node(Code.AVERAGE_POOL_2D, (padded,), output, op.stride, kernel))
            return
        inputs, padding = self._padded(source, output, op.kernel, op.stride, margin)
        stored = self._pool_weights(source, output, kernel)
        self.nodes.append(Node(Code.DEPTHWISE_CONV_2D, (inputs, *stored), output, op.stride, padding=padding))

    def _global_pool(self, source: Tensor, output: str) -> None:
        kernel = (source.shape[1], source.shape[2])
        if source.quantization is None:
            self.nodes.append(Node(Code.AVERAGE_POOL_2D, (source.name,), output, kernel=kernel))
            return
        stored = self._pool_weights(source, output, kernel)
        self.nodes.append(Node(Code.DEPTHWISE_CONV_2D, (source.name, *stored), output))

    def _pool_weights(self, source: Tensor, output: str, kernel: tuple[int, int]) -> tuple[str, str]:
        channels, share = source.shape[3], 1 / (kernel[0] * kernel[1])
        shape = (1, *kernel, channels)
        if source.quantization is None:
            weight = np.full(shape, share, np.float32)
            return self._weights(output, weight, np.zeros(channels, np.float32), None, source, axis=3)
        weight = np.full(shape, _POOL_WEIGHT, np.int8)
        scales = np.full(channels, share / _POOL_WEIGHT * _TIE_BREAK, np.float32)
        return self._weights(output, weight, np.zeros(channels, np.int32), scales, source, axis=3)

    def _padded(
        self, source: Tensor, output: str, kernel: int, stride: int, margin: int
    ) -> tuple[str, Padding]:
        """The tensor to convolve and how: SAME where it means the same padding, else padded before."""
        if margin == 0:
            return source.name, Padding.VALID
        if stride == 1 and kernel % 2 == 1:
            return source.name, Padding.SAME
        return self._pad(source, output, margin), Padding.VALID

    def _pad(self, source: Tensor, output: str, margin: int) -> str:
        batch, height, width, channels = source.shape
        shape = (batch, height + 2 * margin, width + 2 * margin, channels)
        padded = self._declare(f"{output}/padded", shape, source.quantization)
        margins = np.array(((0, 0), (margin, margin), (margin, margin), (0, 0)), np.int32)
        self.nodes.append(Node(Code.PAD, (source.name, self._constant(f"{padded}/margins", margins)), padded))
        return padded

    def _weights(
        self,
        output: str,
        weight: Array,
        bias: Array,
        scales: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None,
        source: Tensor,
        axis: int,
    ) -> tuple[str, str]:
        """Store weight and bias of one convolution; the bias' scale follows from input and weight."""
        weight = np.ascontiguousarray(weight)
        names = f"{output}/weight", f"{output}/bias"
        bias_scales = None
        if scales is not None and source.quantization is not None:
            bias_scales = (scales.astype(np.float64) * source.quantization.scale).astype(np.float32)
        for name, data, scale, along in ((names[0], weight, scales, axis), (names[1], bias, bias_scales, 0)):
            self.tensors[name] = Tensor(name, data.shape, data.dtype, None, scale, along, data)
        return names

    def _constant(self, name: str, data: Array, quantization: Quantization | None = None) -> str:
        self.tensors[name] = Tensor(name, data.shape, data.dtype, quantization, data=data)
        return name

    def _declare(self, name: str, shape: tuple[int, ...], quantization: Quantization | None) -> str:
        dtype = np.dtype(np.float32 if quantization is None else np.int8)
        self.tensors[name] = Tensor(name, shape, dtype, quantization)
        return name


def _dense(op: Op, weight: Array, channels: int) -> Array:
    """(out, channels, k, k) from a grouped convolution's (out, channels / groups, k, k)."""
    repeated = np.tile(weight, (1, op.groups, 1, 1))
    return np.asarray(np.where(group_mask(op, channels)[:, :, None, None], repeated, repeated.dtype.type(0)))
