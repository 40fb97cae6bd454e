"""Reading .tflite files: what the exporter wrote, and whatever bytes there are."""

from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.tflite.model import Operator, Padding, read_model
from nasc_search.export.graph import Code
from nasc_search.export.quantize import quantize
from nasc_search.export.writer import int8_graph, write_int8
from tests.export.networks import case, random_network


def quantized(seed):
    network, weights, ranges, _ = case(random_network(np.random.default_rng(seed)), seed)
    return quantize(network, weights, ranges)


@pytest.mark.parametrize("seed", range(10))
def test_what_was_written_is_read(seed):
    found = quantized(seed)
    graph, model = int8_graph(found), read_model(write_int8(found), "net")
    assert [node.operator.name for node in model.nodes] == [node.code.name for node in graph.nodes]
    assert [tensor.shape for tensor in model.tensors] == [tensor.shape for tensor in graph.tensors.values()]
    for read, written in zip(model.tensors, graph.tensors.values(), strict=True):
        assert read.name == written.name
        if written.quantization is not None:
            assert (read.scale, read.zero_point) == (written.quantization.scale, written.quantization.zero_point)
        if written.data is not None:
            np.testing.assert_array_equal(read.data, written.data)
    for node, written in zip(model.nodes, graph.nodes, strict=True):
        assert [model.tensors[number].name for number in (*node.inputs, node.output)] == [
            *written.inputs, written.output
        ]  # fmt: skip
        if written.code in (Code.CONV_2D, Code.DEPTHWISE_CONV_2D, Code.AVERAGE_POOL_2D):
            assert (node.stride, node.padding) == ((written.stride,) * 2, Padding(int(written.padding)))
            assert node.activation.name == written.activation.name


def test_operators_have_the_schema_s_numbers():
    tflite = pytest.importorskip("tflite")
    for operator in Operator:
        assert getattr(tflite.BuiltinOperator, operator.name) == operator


def test_every_truncation_is_an_input_error():
    data = write_int8(quantized(1))
    for length in [*range(64), *range(64, len(data), 97)]:
        with pytest.raises(InputError, match=r"^net"):
            read_model(data[:length], "net")


def test_flipped_bytes_give_a_model_or_an_input_error():
    data, rng = write_int8(quantized(2)), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        hurt = bytearray(data)
        for place in rng.integers(8, len(data), 3):
            hurt[place] ^= int(rng.integers(1, 256))
        try:
            read_model(bytes(hurt), "net")
        except InputError:
            refused += 1
    assert 0 < refused < 300
