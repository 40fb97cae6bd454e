"""A .tflite file as plain values: its tensors and operators, whoever converted it; the only file that reads one.

Only what one int8 subgraph needs is read. A file may be damaged or hostile: whatever its bytes are, the outcome is a
:class:`Model` or an InputError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError, MissingExtraError

IDENTIFIER: Final = b"TFL3"
_MAX_DIMENSION: Final = 1 << 24


class Operator(IntEnum):
    """The schema's ``BuiltinOperator``, as far as this project runs them on microcontrollers."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    FULLY_CONNECTED = 9
    RELU = 19
    RELU6 = 21
    RESHAPE = 22
    PAD = 34
    QUANTIZE = 114


class Padding(IntEnum):
    """The schema's ``Padding``."""

    SAME = 0
    VALID = 1


class Activation(IntEnum):
    """The schema's ``ActivationFunctionType``, as far as kernels fuse them."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One tensor; real = scale * (stored - zero_point)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """numpy's name: int8, int32, float32."""
    scales: NDArray[np.float32]
    """(1,) per tensor, (n,) per channel, (0,) where nothing is quantized."""
    zero_points: NDArray[np.int64]
    data: NDArray[Any] | None
    """Of constants, in ``shape``."""

    @property
    def bytes(self) -> int:
        """Size of the contents."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def scale(self) -> float:
        """Of the whole tensor, or of its first channel."""
        return float(self.scales[0])

    @property
    def zero_point(self) -> int:
        """Of the whole tensor, or of its first channel."""
        return int(self.zero_points[0])


@dataclass(frozen=True, slots=True)
class Node:
    """One operator; fields that its kind does not use keep their defaults."""

    operator: Operator
    inputs: tuple[int, ...]
    """Numbers of tensors; -1 where an optional one is absent."""
    output: int
    padding: Padding = Padding.VALID
    stride: tuple[int, int] = (1, 1)
    """(height, width), as ``kernel``."""
    kernel: tuple[int, int] = (1, 1)
    """Of pools only."""
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class Model:
    """One input, one output, operators in order of execution."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    input: int
    output: int


def read_model(data: bytes, name: str) -> Model:
    """Raises InputError, which starts with ``name``, and MissingExtraError without the ``mcu`` extra."""
    schema = _schema()
    if data[4:8] != IDENTIFIER:
        raise InputError(f"{name} is no .tflite model: it does not carry the identifier TFL3")
    try:
        return _Reader(schema, data, name).model()
    except InputError:
        raise
    except Exception as error:
        # Offsets of a damaged file point anywhere: the library answers with errors of every kind.
        raise InputError(f"{name} is damaged: {type(error).__name__}: {error}") from error


def _schema() -> Any:
    try:
        import tflite
    except ModuleNotFoundError as error:
        if error.name not in ("flatbuffers", "tflite"):
            raise
        raise MissingExtraError(error.name, "mcu") from error
    return tflite


class _Reader:
    def __init__(self, schema: Any, data: bytes, name: str) -> None:
        self._schema, self._data, self._name = schema, data, name
        self._types = {
            schema.TensorType.INT8: "int8", schema.TensorType.INT32: "int32", schema.TensorType.FLOAT32: "float32",
            schema.TensorType.UINT8: "uint8", schema.TensorType.INT64: "int64", schema.TensorType.INT16: "int16",
        }  # fmt: skip

    def model(self) -> Model:
        root = self._schema.Model.GetRootAs(self._data, 0)
        if root.SubgraphsLength() != 1:
            raise InputError(f"{self._name} has {root.SubgraphsLength()} subgraphs; one is expected")
        graph = root.Subgraphs(0)
        if (graph.InputsLength(), graph.OutputsLength()) != (1, 1):
            counts = f"{graph.InputsLength()} inputs and {graph.OutputsLength()} outputs"
            raise InputError(f"{self._name} has {counts}; one each is expected")
        tensors = tuple(self._tensor(root, graph.Tensors(index)) for index in range(graph.TensorsLength()))
        nodes = tuple(
            self._node(root, graph.Operators(index), index, len(tensors)) for index in range(graph.OperatorsLength())
        )
        ends = int(graph.Inputs(0)), int(graph.Outputs(0))
        if any(not 0 <= end < len(tensors) for end in ends):
            raise InputError(f"{self._name} is damaged: its input or output is no tensor of it")
        return Model(tensors, nodes, *ends)

    def _tensor(self, root: Any, raw: Any) -> Tensor:
        name = (raw.Name() or b"").decode(errors="replace")
        dtype = self._types.get(raw.Type())
        if dtype is None:
            raise InputError(f"{self._name}: tensor {name} is of a type that no microcontroller kernel takes")
        shape = tuple(int(raw.Shape(axis)) for axis in range(raw.ShapeLength()))
        if any(not 0 < size <= _MAX_DIMENSION for size in shape):
            raise InputError(f"{self._name}: tensor {name} has the shape {shape}; sizes must be known and above 0")
        quantization = raw.Quantization()
        scales = np.empty(0, np.float32)
        zero_points = np.empty(0, np.int64)
        if quantization is not None and quantization.ScaleLength():
            scales = np.array(quantization.ScaleAsNumpy(), np.float32)
            zero_points = np.array(quantization.ZeroPointAsNumpy(), np.int64).reshape(-1)
            if len(zero_points) != len(scales) or not (np.isfinite(scales) & (scales > 0)).all():
                raise InputError(f"{self._name}: tensor {name} has unusable scales")
        return Tensor(name, shape, dtype, scales, zero_points, self._contents(root, raw, name, shape, dtype))

    def _contents(self, root: Any, raw: Any, name: str, shape: tuple[int, ...], dtype: str) -> NDArray[Any] | None:
        if not 0 <= raw.Buffer() < root.BuffersLength():
            raise InputError(f"{self._name} is damaged: tensor {name} names a buffer that is not there")
        buffer = root.Buffers(raw.Buffer())
        if not buffer.DataLength():
            return None
        stored = np.frombuffer(np.asarray(buffer.DataAsNumpy()).tobytes(), dtype)
        if stored.size != prod(shape):
            raise InputError(f"{self._name}: tensor {name} holds {stored.size} values, not those of {shape}")
        return stored.reshape(shape)

    def _node(self, root: Any, raw: Any, index: int, tensors: int) -> Node:
        code = root.OperatorCodes(raw.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        try:
            operator = Operator(number)
        except ValueError:
            known = ", ".join(kind.name for kind in Operator)
            raise InputError(
                f"{self._name}: operator {index} is {self._operator_name(number)}, which the firmware does not run; "
                f"it runs {known}"
            ) from None
        inputs = tuple(int(raw.Inputs(place)) for place in range(raw.InputsLength()))
        if raw.OutputsLength() != 1 or not inputs:
            raise InputError(f"{self._name}: operator {index} ({operator.name}) has not one output")
        output = int(raw.Outputs(0))
        if not 0 <= output < tensors or any(not -1 <= number < tensors for number in inputs):
            raise InputError(f"{self._name} is damaged: operator {index} names a tensor that is not there")
        return self._with_options(operator, inputs, output, raw, index)

    def _with_options(self, operator: Operator, inputs: tuple[int, ...], output: int, raw: Any, index: int) -> Node:
        table = {
            Operator.CONV_2D: "Conv2DOptions", Operator.DEPTHWISE_CONV_2D: "DepthwiseConv2DOptions",
            Operator.AVERAGE_POOL_2D: "Pool2DOptions", Operator.ADD: "AddOptions",
            Operator.FULLY_CONNECTED: "FullyConnectedOptions",
        }.get(operator)  # fmt: skip
        if table is None or raw.BuiltinOptions() is None:
            return Node(operator, inputs, output)
        options = getattr(self._schema, table)()
        options.Init(raw.BuiltinOptions().Bytes, raw.BuiltinOptions().Pos)
        try:
            activation = Activation(options.FusedActivationFunction())
        except ValueError:
            raise InputError(
                f"{self._name}: operator {index} ({operator.name}) fuses an activation that the firmware lacks"
            ) from None
        if operator in (Operator.ADD, Operator.FULLY_CONNECTED):
            return Node(operator, inputs, output, activation=activation)
        pool = operator is Operator.AVERAGE_POOL_2D
        if not pool and (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise InputError(f"{self._name}: operator {index} ({operator.name}) is dilated; no kernel here is")
        kernel = (options.FilterHeight(), options.FilterWidth()) if pool else (1, 1)
        stride = options.StrideH(), options.StrideW()
        return Node(operator, inputs, output, Padding(options.Padding()), stride, kernel, activation)

    def _operator_name(self, number: int) -> str:
        names = {value: name for name, value in vars(self._schema.BuiltinOperator).items() if not name.startswith("_")}
        return str(names.get(number, f"number {number}"))
