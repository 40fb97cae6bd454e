"""Int8 .tflite models: int8 in, int8 out, for a whole network, a head or a single block."""

from __future__ import annotations

from dataclasses import dataclass

from nasc_sdk.bundle import Quantization
from nasc_sdk.ir.network import Block, Op
from nasc_search.export.flatbuffer import serialize
from nasc_search.export.forms import Form, lower
from nasc_search.export.graph import Graph
from nasc_search.export.quantize import QuantizedLayer, QuantizedNetwork


@dataclass(frozen=True, slots=True)
class _Int8:
    """A quantized network as the numbers of a graph."""

    quantized: QuantizedNetwork

    def quantization(self, block: Block, tensor: str) -> Quantization:
        return self.quantized.tensors[block.name, tensor]

    def layer(self, block: Block, op: Op) -> QuantizedLayer:
        return self.quantized.layers[block.name, op.output]


def int8_graph(quantized: QuantizedNetwork, form: Form = Form.BUILTIN) -> Graph:
    """The operators that :func:`write_int8` writes."""
    return lower(quantized.network, _Int8(quantized), form)


def write_int8(quantized: QuantizedNetwork, form: Form = Form.BUILTIN) -> bytes:
    """A .tflite file; NHWC, batch 1. The same arguments give the same bytes."""
    return serialize(int8_graph(quantized, form))
