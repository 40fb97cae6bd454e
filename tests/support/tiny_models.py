"""Tiny real .tflite models, written with the runtime's own schema."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_IDENTIFIER = b"TFL3"


class _Writer:
    """One subgraph, filled tensor by tensor and operator by operator."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]
        self.tensors: list[schema.TensorT] = []
        self.operators: list[schema.OperatorT] = []
        self.codes: list[schema.OperatorCodeT] = []

    def tensor(self, name, shape, kind, scales=(), zero_point=0, data=None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        if len(scales):
            quantization = schema.QuantizationParametersT()
            quantization.scale = [float(scale) for scale in scales]
            quantization.zeroPoint = [zero_point] * len(scales)
            tensor.quantization = quantization
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(self, code, version, inputs, outputs, kind=0, options=None, custom=None) -> None:
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.version, entry.customCode = code, version, custom
        entry.deprecatedBuiltinCode = min(code, 127)
        self.codes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.codes) - 1, inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.operators.append(operator)

    def model(self, first: int, last: int) -> bytes:
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = (
            self.tensors,
            self.operators,
            [first],
            [last],
        )
        model.version, model.subgraphs, model.buffers, model.operatorCodes = (
            3,
            [graph],
            self.buffers,
            self.codes,
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())


def conv_chain(layers=1, channels=4, size=8, *, seed=0, quantized=True, stride=1) -> bytes:
    """3x3 convolutions with fused ReLU, each followed by an ADD of its own output; int8 or float32."""
    rng, writer = np.random.default_rng(seed), _Writer()
    kind = schema.TensorType.INT8 if quantized else schema.TensorType.FLOAT32
    scales = (lambda scale: (scale,)) if quantized else (lambda scale: ())
    first = last = writer.tensor(
        "input", (1, size, size, channels), kind, scales(0.05), 3 if quantized else 0
    )
    for layer in range(layers):
        weights, bias = _weights(rng, channels, quantized, in_scale=0.05)
        w = writer.tensor(f"w{layer}", weights[0].shape, kind, weights[1], 0, weights[0])
        bias_kind = schema.TensorType.INT32 if quantized else schema.TensorType.FLOAT32
        b = writer.tensor(f"b{layer}", bias[0].shape, bias_kind, bias[1], 0, bias[0])
        out = writer.tensor(
            f"conv{layer}", (1, size, size, channels), kind, scales(0.05), -128 if quantized else 0
        )
        options = schema.Conv2DOptionsT()
        options.padding, options.strideW, options.strideH = schema.Padding.SAME, stride, stride
        options.dilationWFactor = options.dilationHFactor = 1
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        writer.operator(
            schema.BuiltinOperator.CONV_2D,
            3,
            [last, w, b],
            [out],
            schema.BuiltinOptions.Conv2DOptions,
            options,
        )
        last = writer.tensor(
            f"add{layer}", (1, size, size, channels), kind, scales(0.05), 3 if quantized else 0
        )
        writer.operator(
            schema.BuiltinOperator.ADD,
            2,
            [out, out],
            [last],
            schema.BuiltinOptions.AddOptions,
            schema.AddOptionsT(),
        )
    return writer.model(first, last)


def _weights(rng, channels, quantized, in_scale):
    shape = (channels, 3, 3, channels)
    if not quantized:
        return (rng.normal(0, 0.1, shape).astype(np.float32), ()), (np.zeros(channels, np.float32), ())
    scales = rng.uniform(0.002, 0.004, channels).astype(np.float32)
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    return (weights, scales), (
        rng.integers(-500, 500, channels).astype(np.int32),
        scales * np.float32(in_scale),
    )


def custom_op() -> bytes:
    """A legal file with an operator that no runtime knows."""
    writer = _Writer()
    first = writer.tensor("input", (1, 4), schema.TensorType.INT8, (0.1,))
    last = writer.tensor("output", (1, 4), schema.TensorType.INT8, (0.1,))
    writer.operator(schema.BuiltinOperator.CUSTOM, 1, [first], [last], custom="SomebodysOwnOp")
    return writer.model(first, last)


def two_inputs() -> bytes:
    """A legal int8 model with two inputs."""
    writer = _Writer()
    sides = [writer.tensor(name, (1, 4), schema.TensorType.INT8, (0.1,)) for name in ("a", "b", "sum")]
    writer.operator(
        schema.BuiltinOperator.ADD,
        2,
        sides[:2],
        sides[2:],
        schema.BuiltinOptions.AddOptions,
        schema.AddOptionsT(),
    )
    model = schema.ModelT.InitFromPackedBuf(writer.model(sides[0], sides[2]), 0)
    model.subgraphs[0].inputs = sides[:2]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())
