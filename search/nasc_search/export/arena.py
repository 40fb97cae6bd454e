"""Memory an exported model needs beside its file: the activations, placed as TFLite's planner places them.

The form's own tensors (PAD) count. Scratch buffers of kernels and the runtime's tables come on top.
"""

from __future__ import annotations

from nasc_sdk.tflite.placement import aligned, placed_bytes
from nasc_search.export.forms import Form
from nasc_search.export.graph import Graph
from nasc_search.export.quantize import QuantizedNetwork
from nasc_search.export.writer import int8_graph


def arena_bytes(quantized: QuantizedNetwork, form: Form = Form.BUILTIN) -> int:
    """Bytes of the int8 model's activation arena, 16-byte aligned."""
    graph = int8_graph(quantized, form)
    first, last = _lifetimes(graph)
    sizes = {tensor.name: aligned(tensor.bytes) for tensor in graph.activations()}
    written = sorted(sizes, key=lambda name: first[name])
    return placed_bytes(*([by_name[name] for name in written] for by_name in (sizes, first, last)))


def _lifetimes(graph: Graph) -> tuple[dict[str, int], dict[str, int]]:
    """First and last node during which each activation must be held; input before all, output after all."""
    first = {graph.input: -1}
    last = {graph.input: -1}
    for index, node in enumerate(graph.nodes):
        first[node.output] = last[node.output] = index
        for name in node.inputs:
            last[name] = index
    last[graph.output] = len(graph.nodes)
    return first, last
