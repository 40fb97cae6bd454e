"""Int8 .tflite models of one operator each, in forms that other converters write and ours does not."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.tiny_models import _Writer

INT8, INT32 = schema.TensorType.INT8, schema.TensorType.INT32
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)


def _finish(writer, code, version, inputs, shape, scale, zero, kind=0, options=None):
    output = writer.tensor("output", shape, INT8, (scale,), zero)
    writer.operator(code, version, inputs, [output], kind, options)
    return writer.model(0, output)


def _layer(writer, rng, weights_shape, outputs, axis, in_scale, scales=None):
    """Weights and bias, per channel unless ``scales`` says otherwise; their tensors."""
    scales = rng.uniform(0.002, 0.02, outputs).astype(np.float32) if scales is None else scales
    weights = rng.integers(-127, 128, weights_shape).astype(np.int8)
    bias = rng.integers(-2000, 2000, outputs).astype(np.int32)
    w = writer.tensor("weights", weights_shape, INT8, scales, 0, weights)
    writer.tensors[w].quantization.quantizedDimension = axis
    return w, writer.tensor("bias", (outputs,), INT32, np.broadcast_to(scales * in_scale, (outputs,)), 0, bias)


def fully_connected(seed=0, rows=1, inputs=13, outputs=7, activation=NONE, with_bias=True):
    """Per-tensor weights, a rank of two."""
    rng, writer = np.random.default_rng(seed), _Writer()
    writer.tensor("input", (rows, inputs), INT8, (0.07,), 5)
    w, b = _layer(writer, rng, (outputs, inputs), outputs, 0, 0.07, np.array([0.01], np.float32))
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    sources = [0, w, b] if with_bias else [0, w, -1]
    kind = schema.BuiltinOptions.FullyConnectedOptions
    return _finish(
        writer, schema.BuiltinOperator.FULLY_CONNECTED, 4, sources, (rows, outputs), 0.3, -7, kind, options
    )


def _convolution_options(table, padding, stride, activation):
    options = table()
    options.padding, options.strideH, options.strideW = padding, *stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = activation
    return options


def _out(size, kernel, stride, padding):
    return -(-size // stride) if padding == SAME else (size - kernel) // stride + 1


def convolution(
    seed=0, image=(9, 7, 4), outputs=6, kernel=(3, 3), stride=(1, 1), padding=SAME, groups=1, activation=NONE
):
    """Rectangular kernels and strides, groups."""
    rng, writer = np.random.default_rng(seed), _Writer()
    writer.tensor("input", (1, *image), INT8, (0.05,), -9)
    w, b = _layer(writer, rng, (outputs, *kernel, image[2] // groups), outputs, 0, 0.05)
    options = _convolution_options(schema.Conv2DOptionsT, padding, stride, activation)
    shape = (1, *(_out(image[axis], kernel[axis], stride[axis], padding) for axis in (0, 1)), outputs)
    kind = schema.BuiltinOptions.Conv2DOptions
    return _finish(writer, schema.BuiltinOperator.CONV_2D, 3, [0, w, b], shape, 0.1, 11, kind, options)


def depthwise(seed=0, image=(8, 9, 3), multiplier=2, kernel=(3, 3), stride=(2, 2), padding=SAME, activation=RELU6):
    """More output channels than input channels."""
    rng, writer = np.random.default_rng(seed), _Writer()
    writer.tensor("input", (1, *image), INT8, (0.05,), 4)
    outputs = image[2] * multiplier
    w, b = _layer(writer, rng, (1, *kernel, outputs), outputs, 3, 0.05)
    options = _convolution_options(schema.DepthwiseConv2DOptionsT, padding, stride, activation)
    options.depthMultiplier = multiplier
    shape = (1, *(_out(image[axis], kernel[axis], stride[axis], padding) for axis in (0, 1)), outputs)
    kind = schema.BuiltinOptions.DepthwiseConv2DOptions
    return _finish(writer, schema.BuiltinOperator.DEPTHWISE_CONV_2D, 3, [0, w, b], shape, 0.08, -20, kind, options)


def average_pool(image=(7, 8, 5), kernel=(3, 2), stride=(2, 1), padding=SAME, activation=NONE):
    """Padding that does not count."""
    writer = _Writer()
    writer.tensor("input", (1, *image), INT8, (0.05,), -3)
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = padding, *stride
    options.filterHeight, options.filterWidth = kernel
    options.fusedActivationFunction = activation
    shape = (1, *(_out(image[axis], kernel[axis], stride[axis], padding) for axis in (0, 1)), image[2])
    kind = schema.BuiltinOptions.Pool2DOptions
    return _finish(writer, schema.BuiltinOperator.AVERAGE_POOL_2D, 2, [0], shape, 0.05, -3, kind, options)


def add_constant(seed=0, shape=(1, 4, 3, 5), constant=(5,), first=False, activation=NONE):
    """A constant operand that is broadcast, on either side."""
    rng, writer = np.random.default_rng(seed), _Writer()
    writer.tensor("input", shape, INT8, (0.05,), -3)
    values = rng.integers(-128, 128, constant).astype(np.int8)
    other = writer.tensor("constant", constant, INT8, (0.02,), 7, values)
    options = schema.AddOptionsT()
    options.fusedActivationFunction = activation
    sources = [other, 0] if first else [0, other]
    kind = schema.BuiltinOptions.AddOptions
    return _finish(writer, schema.BuiltinOperator.ADD, 2, sources, shape, 0.06, 1, kind, options)


def rescale(code=schema.BuiltinOperator.QUANTIZE, scale=0.11, zero=17, shape=(1, 5, 5, 3)):
    """QUANTIZE from int8 to int8, RELU, RELU6."""
    writer = _Writer()
    writer.tensor("input", shape, INT8, (0.05,), -40)
    return _finish(writer, code, 2, [0], shape, scale, zero)


def pad(margins=((0, 0), (1, 2), (0, 3), (0, 0)), image=(4, 5, 3)):
    """Other margins on every side."""
    writer = _Writer()
    writer.tensor("input", (1, *image), INT8, (0.05,), 12)
    table = np.array(margins, np.int32)
    sides = writer.tensor("margins", table.shape, INT32, data=table)
    shape = tuple(int(size) for size in np.array((1, *image)) + table.sum(axis=1))
    return _finish(writer, schema.BuiltinOperator.PAD, 2, [0, sides], shape, 0.05, 12)


def reshape(shape=(1, 4, 3, 5), after=(1, 60)):
    """Nothing but another shape."""
    writer = _Writer()
    writer.tensor("input", shape, INT8, (0.05,), 12)
    sizes = writer.tensor("shape", (len(after),), INT32, data=np.array(after, np.int32))
    return _finish(writer, schema.BuiltinOperator.RESHAPE, 1, [0, sizes], after, 0.05, 12)
