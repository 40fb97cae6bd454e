"""A graph as the bytes of a .tflite file; the only file that needs ``flatbuffers`` and ``tflite``.

The same graph always gives the same bytes: order follows the graph, and nothing else (time, version, path)
goes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, assert_never

import numpy as np

from nasc_sdk.errors import MissingExtraError
from nasc_sdk.ir.network import Activation
from nasc_search.export.graph import Array, Code, Graph, Node, Tensor

_IDENTIFIER: Final = b"TFL3"
_SCHEMA_VERSION: Final = 3
_ALIGNMENT: Final = 16
_ACTIVATIONS: Final = {Activation.NONE: 0, Activation.RELU: 1, Activation.RELU6: 3}
_INT8_VERSIONS: Final = {
    Code.ADD: 2,
    Code.AVERAGE_POOL_2D: 2,
    Code.CONV_2D: 3,
    Code.DEPTHWISE_CONV_2D: 3,
    Code.PAD: 2,
    Code.RELU: 2,
}
"""Version from which an operator takes int8; others are version 1."""


def serialize(graph: Graph) -> bytes:
    """The file; MissingExtraError without the ``search`` extra."""
    return _Serializer(graph).model()


def _modules() -> tuple[Any, Any]:
    try:
        import flatbuffers
        import tflite
    except ModuleNotFoundError as error:
        if error.name not in ("flatbuffers", "tflite"):
            raise
        raise MissingExtraError(error.name, "search") from error
    return flatbuffers, tflite


class _Serializer:
    """Flatbuffers are written from the leaves: every method returns the offset of what it wrote."""

    def __init__(self, graph: Graph) -> None:
        flatbuffers, self._schema = _modules()
        self._builder = flatbuffers.Builder(1 << 16)
        self._graph = graph
        self._index = {name: index for index, name in enumerate(graph.tensors)}
        self._codes = list(dict.fromkeys(self._code(node) for node in graph.nodes))
        self._constants = [tensor for tensor in graph.tensors.values() if tensor.data is not None]
        # Buffer 0 is the empty one that all activations share.
        self._buffer = {tensor.name: index for index, tensor in enumerate(self._constants, start=1)}

    def model(self) -> bytes:
        """Everything, from the buffers to the root."""
        buffers = [self._table("Buffer"), *(self._data(tensor) for tensor in self._constants)]
        codes = [self._operator_code(*code) for code in self._codes]
        root = self._table(
            "Model",
            Version=_SCHEMA_VERSION,
            OperatorCodes=self._offsets(codes),
            Subgraphs=self._offsets([self._subgraph()]),
            Description=self._builder.CreateString("nasc"),
            Buffers=self._offsets(buffers),
        )
        self._builder.Finish(root, _IDENTIFIER)
        return bytes(self._builder.Output())

    def _code(self, node: Node) -> tuple[Code, int]:
        quantized = self._graph.tensors[node.output].quantization is not None
        return node.code, _INT8_VERSIONS.get(node.code, 1) if quantized else 1

    def _subgraph(self) -> int:
        tensors = [self._tensor(tensor) for tensor in self._graph.tensors.values()]
        operators = [self._operator(node) for node in self._graph.nodes]
        return self._table(
            "SubGraph",
            Tensors=self._offsets(tensors),
            Inputs=self._ints([self._index[self._graph.input]]),
            Outputs=self._ints([self._index[self._graph.output]]),
            Operators=self._offsets(operators),
            Name=self._builder.CreateString("main"),
        )

    def _tensor(self, tensor: Tensor) -> int:
        kinds = self._schema.TensorType
        types = {"int8": kinds.INT8, "int32": kinds.INT32, "float32": kinds.FLOAT32}
        fields = {
            "Shape": self._ints(tensor.shape),
            "Type": types[tensor.dtype.name],
            "Buffer": self._buffer.get(tensor.name, 0),
            "Name": self._builder.CreateString(tensor.name),
        }
        if tensor.quantization is not None:
            scales = np.array([tensor.quantization.scale], np.float32)
            fields["Quantization"] = self._quantization(scales, tensor.quantization.zero_point, 0)
        elif tensor.channel_scales is not None:
            fields["Quantization"] = self._quantization(tensor.channel_scales, 0, tensor.channel_axis)
        return self._table("Tensor", **fields)

    def _quantization(self, scales: Array, zero_point: int, axis: int) -> int:
        return self._table(
            "QuantizationParameters",
            Scale=self._builder.CreateNumpyVector(scales),
            ZeroPoint=self._builder.CreateNumpyVector(np.full(len(scales), zero_point, np.int64)),
            QuantizedDimension=axis,
        )

    def _operator(self, node: Node) -> int:
        fields = {
            "OpcodeIndex": self._codes.index(self._code(node)),
            "Inputs": self._ints([self._index[name] for name in node.inputs]),
            "Outputs": self._ints([self._index[node.output]]),
        }
        options = self._options(node)
        if options is not None:
            table, values = options
            fields["BuiltinOptionsType"] = getattr(self._schema.BuiltinOptions, table)
            fields["BuiltinOptions"] = self._table(table, **values)
        return self._table("Operator", **fields)

    def _options(self, node: Node) -> tuple[str, dict[str, int]] | None:
        activation = {"FusedActivationFunction": _ACTIVATIONS[node.activation]}
        window = {"Padding": int(node.padding), "StrideW": node.stride, "StrideH": node.stride}
        match node.code:
            case Code.CONV_2D:
                return "Conv2DOptions", window | activation | {"DilationWFactor": 1, "DilationHFactor": 1}
            case Code.DEPTHWISE_CONV_2D:
                dilation = {"DilationWFactor": 1, "DilationHFactor": 1}
                return "DepthwiseConv2DOptions", window | {"DepthMultiplier": 1} | activation | dilation
            case Code.AVERAGE_POOL_2D:
                height, width = node.kernel
                return "Pool2DOptions", window | {"FilterWidth": width, "FilterHeight": height} | activation
            case Code.ADD:
                return "AddOptions", activation
            case Code.PAD:
                return "PadOptions", {}
            case Code.RESHAPE:
                shape = self._graph.tensors[node.output].shape
                return "ReshapeOptions", {"NewShape": self._ints(shape)}
            case Code.RELU:
                return None
            case _:
                assert_never(node.code)

    def _operator_code(self, code: Code, version: int) -> int:
        fields = {"DeprecatedBuiltinCode": int(code), "BuiltinCode": int(code), "Version": version}
        return self._table("OperatorCode", **fields)

    def _data(self, tensor: Tensor) -> int:
        """Constants start at multiples of 16 bytes of the file: kernels may use them where they lie."""
        assert tensor.data is not None
        data = np.ascontiguousarray(tensor.data).astype(tensor.data.dtype.newbyteorder("<")).tobytes()
        builder = self._builder
        builder.StartVector(1, len(data), _ALIGNMENT)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        return self._table("Buffer", Data=builder.EndVector())

    def _table(self, table: str, **fields: int) -> int:
        """Write a table of the schema from its field names; strings, vectors and tables are offsets."""
        getattr(self._schema, f"{table}Start")(self._builder)
        for name, value in fields.items():
            getattr(self._schema, f"{table}Add{name}")(self._builder, value)
        return int(getattr(self._schema, f"{table}End")(self._builder))

    def _ints(self, values: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.int32)))

    def _offsets(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())
