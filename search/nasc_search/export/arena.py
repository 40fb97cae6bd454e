"""Memory an exported model needs beside its file: the activations, placed as TFLite's planner places them.

Tensors are placed largest first, each at the lowest offset that is free while it lives; the form's own
tensors (PAD) count. Scratch buffers of kernels and the runtime's tables come on top.
"""

from __future__ import annotations

from typing import Final

from nasc_search.export.forms import Form
from nasc_search.export.graph import Graph
from nasc_search.export.quantize import QuantizedNetwork
from nasc_search.export.writer import int8_graph

_ALIGNMENT: Final = 16


def arena_bytes(quantized: QuantizedNetwork, form: Form = Form.BUILTIN) -> int:
    """Bytes of the int8 model's activation arena."""
    return planned_bytes(int8_graph(quantized, form))


def planned_bytes(graph: Graph) -> int:
    """Size of the greedy plan, 16-byte aligned."""
    lives = _lifetimes(graph)
    placed: list[tuple[int, int, tuple[int, int]]] = []
    sizes = {tensor.name: -(-tensor.bytes // _ALIGNMENT) * _ALIGNMENT for tensor in graph.activations()}
    for name in sorted(sizes, key=lambda name: (-sizes[name], lives[name][0], name)):
        start = _first_gap(sizes[name], sorted(item for item in placed if _overlap(item[2], lives[name])))
        placed.append((start, start + sizes[name], lives[name]))
    return max(stop for _, stop, _ in placed)


def _lifetimes(graph: Graph) -> dict[str, tuple[int, int]]:
    """First and last node during which each activation must be held; input before all, output after all."""
    first = {graph.input: -1}
    last = {graph.input: -1}
    for index, node in enumerate(graph.nodes):
        first[node.output] = last[node.output] = index
        for name in node.inputs:
            last[name] = index
    last[graph.output] = len(graph.nodes)
    return {name: (first[name], last[name]) for name in first}


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]


def _first_gap(size: int, taken: list[tuple[int, int, tuple[int, int]]]) -> int:
    start = 0
    for low, high, _ in taken:
        if start + size <= low:
            break
        start = max(start, high)
    return start
