"""Each TFLite operator as one operator of a plan, not yet placed in memory.

What needs no kernel of its own is expressed by one that is there: FULLY_CONNECTED is a 1x1 convolution, a depthwise
convolution that multiplies channels and a grouped convolution are dense ones with zeros, RESHAPE is its input by
another name.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final, NoReturn, assert_never

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.mcu import packing as packed
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import CHANNEL, Clamp, Code, PlanOperator, Scale, Window
from nasc_sdk.tflite.fixed_point import ADD_HEADROOM, Multiplier
from nasc_sdk.tflite.model import Activation, Model, Node, Operator, Padding, Tensor

_MAX_SUM: Final = 1 << 30
"""Kernels double a sum before they multiply it."""
_MAX_LEFT_OF_ADD: Final = 2
"""Operands have at most 28 bits each, half of which are shifted away."""
_MAX_LEFT_OF_RESCALE: Final = 21
"""Differences of steps have 9 bits."""
_MAX_SIZE: Final = (1 << 16) - 1
_MAX_WINDOW: Final = 255


@dataclass(frozen=True, slots=True)
class Step:
    """An operator without offsets, and the tensors it reads and writes."""

    operator: PlanOperator
    sources: tuple[int, ...]
    target: int


@dataclass(frozen=True, slots=True)
class Lowered:
    """Steps in order; tensors by their number in the model."""

    steps: tuple[Step, ...]
    sizes: dict[int, int]
    """Bytes of activations."""
    input: int
    output: int


def lower(model: Model, packing: Packing, name: str) -> Lowered:
    """Raises InputError, which names the operator, for what the firmware's kernels do not compute."""
    return _Lowering(model, packing, name).lowered()


class _Lowering:
    def __init__(self, model: Model, packing: Packing, name: str) -> None:
        self._model, self._packing, self._name = model, packing, name
        self._same: dict[int, int] = {}
        """Tensor -> the one whose bytes it shares."""
        self._steps: list[Step] = []
        self._where = name

    def lowered(self) -> Lowered:
        model = self._model
        for index, node in enumerate(model.nodes):
            self._where = f"{self._name}: operator {index} ({node.operator.name})"
            self._node(node)
        self._where = self._name
        output = self._owner(model.output)
        if output == model.input:
            # Nothing computes the output: it is the input, by another name.
            output = model.output
            self._append(Code.COPY, Node(Operator.RESHAPE, (model.input,), output), Clamp())
        used = {model.input, *(step.target for step in self._steps)}
        sizes = {number: model.tensors[number].bytes for number in used}
        return Lowered(tuple(self._steps), sizes, model.input, output)

    def _node(self, node: Node) -> None:
        match node.operator:
            case Operator.CONV_2D | Operator.FULLY_CONNECTED:
                self._convolution(node)
            case Operator.DEPTHWISE_CONV_2D:
                self._depthwise(node)
            case Operator.AVERAGE_POOL_2D:
                self._average_pool(node)
            case Operator.ADD:
                self._add(node)
            case Operator.RELU | Operator.RELU6 | Operator.QUANTIZE:
                self._rescale(node)
            case Operator.PAD:
                self._pad(node)
            case Operator.RESHAPE:
                self._same[node.output] = self._owner(node.inputs[0])
            case _:
                assert_never(node.operator)

    def _convolution(self, node: Node) -> None:
        source, target, weights = self._source(node), self._activation(node.output), self._weights(node)
        if node.operator is Operator.FULLY_CONNECTED:
            if weights.ndim != 2:
                self._refuse(f"weights of the shape {weights.shape} are none of a dense layer")
            rows = source.bytes // weights.shape[1]
            shapes = (1, rows, weights.shape[1]), (1, rows, weights.shape[0])
            weights = weights[:, None, None, :]
        else:
            shapes = self._image(source), self._image(target)
        if weights.ndim != 4:
            self._refuse(f"weights of the shape {weights.shape} are none of a convolution")
        weights = self._without_groups(weights, shapes[0][2])
        self._dense(node, weights, shapes)

    def _dense(self, node: Node, weights: NDArray[np.int8], shapes: tuple[Any, Any]) -> None:
        window = self._window(node, shapes[0], shapes[1], weights.shape[1:3])
        if weights.shape[0] != window.output[2]:
            self._refuse(f"{weights.shape[0]} filters for {window.output[2]} output channels")
        clamp = self._clamp(node)
        self._append(
            Code.CONVOLVE, node, clamp,
            window=window,
            weights=packed.pack_convolution(weights, self._packing),
            channels=self._channels(node, weights, clamp),
            scratch_bytes=packed.convolution_scratch_bytes(window, self._packing),
            macs=prod(window.output) * prod(weights.shape[1:]),
        )  # fmt: skip

    def _depthwise(self, node: Node) -> None:
        source, target, weights = self._source(node), self._activation(node.output), self._weights(node)
        shapes = self._image(source), self._image(target)
        if weights.ndim != 4 or weights.shape[0] != 1 or weights.shape[3] != shapes[1][2]:
            self._refuse(f"weights of the shape {weights.shape} do not fit {shapes[1][2]} output channels")
        inputs, outputs = shapes[0][2], shapes[1][2]
        if inputs != outputs:
            if outputs % inputs:
                self._refuse(f"{outputs} output channels are no multiple of {inputs}")
            dense = np.zeros((outputs, *weights.shape[1:3], inputs), np.int8)
            places = np.arange(outputs)
            dense[places, :, :, places // (outputs // inputs)] = weights[0].transpose(2, 0, 1)
            self._dense(node, dense, shapes)
            return
        window, clamp = self._window(node, *shapes, weights.shape[1:3]), self._clamp(node)
        self._append(
            Code.CONVOLVE_DEPTHWISE, node, clamp,
            window=window,
            weights=packed.pack_depthwise(weights, self._packing),
            channels=self._channels(node, weights, clamp),
            scratch_bytes=packed.depthwise_scratch_bytes(window, self._packing),
            macs=prod(window.output) * prod(weights.shape[1:3]),
        )  # fmt: skip

    def _average_pool(self, node: Node) -> None:
        source, target = self._source(node), self._activation(node.output)
        if (source.scale, source.zero_point) != (target.scale, target.zero_point):
            self._refuse("scale and zero point of input and output differ: a pool passes them on")
        window = self._window(node, self._image(source), self._image(target), node.kernel)
        self._append(Code.AVERAGE_POOL, node, self._clamp(node), window=window)

    def _add(self, node: Node) -> None:
        if len(node.inputs) != 2:
            self._refuse(f"{len(node.inputs)} inputs")
        first, second = (self._model.tensors[number] for number in node.inputs)
        numbers = node.inputs
        if first.data is not None:
            first, second, numbers = second, first, (node.inputs[1], node.inputs[0])
        target = self._activation(node.output)
        for tensor in (first, second):
            self._check_int8(tensor)
        constant = b""
        if second.data is not None:
            constant = self._broadcast(second, target.shape)
            sources: tuple[int, ...] = (self._owner(numbers[0]),)
        else:
            sources = tuple(self._owner(number) for number in numbers)
        if first.bytes != target.bytes or (not constant and second.bytes != target.bytes):
            self._refuse(f"{first.shape} and {second.shape} need broadcasting to {target.shape}, which no kernel does")
        common = 2 * max(first.scale, second.scale)
        total = Multiplier.of(common / ((1 << ADD_HEADROOM) * target.scale))
        if int(total.shift) > _MAX_LEFT_OF_ADD:
            self._refuse("the output's scale is so small that sums may exceed 2^30, where the kernels' arithmetic ends")
        scales = (*(_scale(Multiplier.of(tensor.scale / common)) for tensor in (first, second)), _scale(total))
        clamp = self._clamp(node, input_zero=first.zero_point, second_zero=second.zero_point)
        self._append(
            Code.ADD, node, clamp, sources,
            constant=constant, second_count=len(constant) or second.bytes, scales=scales,
        )  # fmt: skip

    def _rescale(self, node: Node) -> None:
        source, target = self._source(node), self._activation(node.output)
        scale = _scale(Multiplier.of(source.scale / target.scale))
        if scale.shift > _MAX_LEFT_OF_RESCALE:
            self._refuse("the output has so small a scale that steps may exceed 2^30, where arithmetic ends")
        self._append(Code.RESCALE, node, self._clamp(node), scales=(scale,))

    def _pad(self, node: Node) -> None:
        source, target = self._source(node), self._activation(node.output)
        margins = self._model.tensors[node.inputs[1]].data if len(node.inputs) == 2 else None
        if margins is None or margins.shape != (4, 2):
            self._refuse("margins must be constants, two for each of four dimensions")
        if margins[0].any() or margins[3].any() or (margins < 0).any() or (margins > _MAX_WINDOW).any():
            self._refuse(f"only height and width can be padded, by at most {_MAX_WINDOW}")
        if (source.scale, source.zero_point) != (target.scale, target.zero_point):
            self._refuse("scale and zero point of input and output differ: padding passes them on")
        image, padded = self._image(source), self._image(target)
        if tuple(padded) != tuple(size + int(both) for size, both in zip(image, margins[1:].sum(axis=1), strict=True)):
            self._refuse(f"{image} padded by {margins.tolist()} is not {padded}")
        window = Window(image, padded, pad=(int(margins[1, 0]), int(margins[2, 0])))
        self._append(Code.PAD, node, self._clamp(node), window=window)

    def _append(
        self, code: Code, node: Node, clamp: Clamp, sources: tuple[int, ...] | None = None, **fields: Any
    ) -> None:
        target = self._model.tensors[node.output]
        first = self._model.tensors[node.inputs[0]]
        title = f"{node.operator.name} {_shape(first)} -> {_shape(target)}"
        operator = PlanOperator(code, target.name, title, clamp, target.bytes, **fields)
        self._steps.append(Step(operator, sources or (self._owner(node.inputs[0]),), node.output))

    def _window(
        self, node: Node, image: tuple[int, int, int], output: tuple[int, int, int], kernel: tuple[int, ...]
    ) -> Window:
        """The padding that TFLite takes: SAME puts the odd row and column after the input."""
        expected, pad = [], []
        for size, length, stride in zip(image[:2], kernel, node.stride, strict=True):
            if not 0 < stride <= _MAX_WINDOW or not 0 < length <= _MAX_WINDOW:
                self._refuse(f"a window of {length} at a stride of {stride}")
            same = node.padding is Padding.SAME
            count = -(-size // stride) if same else (size - length) // stride + 1
            missing = max((count - 1) * stride + length - size, 0) if same else 0
            expected.append(count)
            pad.append(missing // 2)
        if list(output[:2]) != expected or min(expected) < 1:
            self._refuse(f"{image} gives {expected} rows and columns, the output has {output}")
        height, width = int(kernel[0]), int(kernel[1])
        return Window(image, output, (height, width), node.stride, (pad[0], pad[1]))

    def _channels(self, node: Node, weights: NDArray[np.int8], clamp: Clamp) -> NDArray[Any]:
        """Bias and multiplier of each output channel."""
        source, target = self._source(node), self._activation(node.output)
        count = target.shape[-1]
        scales = self._model.tensors[node.inputs[1]].scales
        if len(scales) not in (1, count):
            self._refuse(f"{len(scales)} scales for {count} filters")
        multiplier = Multiplier.of(np.broadcast_to(scales.astype(np.float64), (count,)) * source.scale / target.scale)
        bias = self._bias(node, count)
        # Steps and the zero point folded into the bias reach 128 each.
        summed = (1, 2, 3) if len(weights) == count else (0, 1, 2)
        reach = np.abs(bias) + 256 * np.abs(weights.astype(np.int64)).sum(summed)
        left = np.maximum(multiplier.shift, 0)
        if (left >= _MAX_SUM.bit_length()).any() or (reach << left >= _MAX_SUM).any():
            self._refuse("sums may exceed 2^30, where the kernels' arithmetic ends")
        channels = np.zeros(count, CHANNEL)
        channels["bias"] = packed.fold_bias(weights, bias.astype(np.int32), clamp.input_zero)
        channels["multiplier"] = multiplier.mantissa
        channels["left"], channels["right"] = left, np.maximum(-multiplier.shift, 0)
        return channels

    def _bias(self, node: Node, count: int) -> NDArray[np.int64]:
        if len(node.inputs) < 3 or node.inputs[2] < 0:
            return np.zeros(count, np.int64)
        data = self._model.tensors[node.inputs[2]].data
        if data is None or data.shape != (count,) or data.dtype != np.int32:
            self._refuse(f"the bias is not {count} constants of int32")
        return np.asarray(data, np.int64)

    def _weights(self, node: Node) -> NDArray[np.int8]:
        if len(node.inputs) < 2 or node.inputs[1] < 0:
            self._refuse("weights are missing")
        tensor = self._model.tensors[node.inputs[1]]
        if tensor.data is None or tensor.dtype != "int8" or not len(tensor.scales):
            self._refuse("weights are not constants of int8 with scales")
        if tensor.zero_points.any():
            self._refuse("weights have a zero point other than 0")
        return np.asarray(tensor.data, np.int8)

    def _without_groups(self, weights: NDArray[np.int8], inputs: int) -> NDArray[np.int8]:
        """(out, height, width, in) with zeros between the groups of a grouped convolution."""
        each = weights.shape[3]
        if each == inputs:
            return weights
        groups = inputs // each
        if inputs % each or len(weights) % groups:
            self._refuse(f"filters of {each} channels for an input of {inputs}")
        dense = np.zeros((*weights.shape[:3], inputs), np.int8)
        filters = len(weights) // groups
        for group in range(groups):
            mine = slice(group * filters, (group + 1) * filters)
            dense[mine, :, :, group * each : (group + 1) * each] = weights[mine]
        return dense

    def _broadcast(self, tensor: Tensor, shape: tuple[int, ...]) -> bytes:
        """A constant operand: one value, or as many as the output has."""
        assert tensor.data is not None
        if tensor.data.size == 1:
            return tensor.data.astype(np.int8).tobytes()
        try:
            return np.broadcast_to(tensor.data, shape).astype(np.int8).tobytes()
        except ValueError:
            self._refuse(f"a constant of the shape {tensor.shape} does not broadcast to {shape}")

    def _clamp(self, node: Node, input_zero: int | None = None, second_zero: int = 0) -> Clamp:
        target = self._model.tensors[node.output]
        low, high = -128, 127
        rectifies = {Operator.RELU: Activation.RELU, Operator.RELU6: Activation.RELU6}
        activation = rectifies.get(node.operator, node.activation)
        zero = target.zero_point

        def step(real: float) -> int:
            return zero + int(np.floor(np.float32(real) / np.float32(target.scale) + 0.5))

        if activation in (Activation.RELU, Activation.RELU6):
            low = max(low, zero)
        if activation is Activation.RELU6:
            high = min(high, step(6.0))
        if activation is Activation.RELU_N1_TO_1:
            low, high = max(low, step(-1.0)), min(high, step(1.0))
        source = self._source(node).zero_point if input_zero is None else input_zero
        return Clamp(source, zero, second_zero, low, high)

    def _source(self, node: Node) -> Tensor:
        return self._activation(node.inputs[0])

    def _activation(self, number: int) -> Tensor:
        tensor = self._model.tensors[number]
        self._check_int8(tensor)
        if tensor.data is not None:
            self._refuse(f"tensor {tensor.name} is a constant where an activation is expected")
        return tensor

    def _check_int8(self, tensor: Tensor) -> None:
        if tensor.dtype != "int8" or len(tensor.scales) != 1:
            self._refuse(f"tensor {tensor.name} is {tensor.dtype}; the firmware computes in int8 with one scale")
        if not -128 <= tensor.zero_point <= 127:
            self._refuse(f"tensor {tensor.name} has the zero point {tensor.zero_point}")

    def _image(self, tensor: Tensor) -> tuple[int, int, int]:
        if len(tensor.shape) != 4 or tensor.shape[0] != 1:
            self._refuse(f"tensor {tensor.name} has the shape {tensor.shape}, not 1 x height x width x channels")
        _, height, width, channels = tensor.shape
        if max(tensor.shape) > _MAX_SIZE:
            self._refuse(f"tensor {tensor.name} has the shape {tensor.shape}; {_MAX_SIZE} is the most")
        return height, width, channels

    def _owner(self, number: int) -> int:
        return self._same.get(number, number)

    def _refuse(self, reason: str) -> NoReturn:
        raise InputError(f"{self._where}: {reason}")


def _scale(multiplier: Multiplier) -> Scale:
    return Scale(int(multiplier.mantissa), int(multiplier.shift))


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape[1:] or tensor.shape))
