"""NAS-Bench-201 cells (Dong & Yang 2020, arXiv 2001.00326) on a macro skeleton of free size.

A cell is a complete graph of four nodes; each of its six edges carries one of five operators and a node is the sum of
its incoming edges: 5^6 = 15,625 cells. All cells of a network are equal. The skeleton is the paper's: stem, three
stages of cells with a residual reduction block between stages, global pool and classifier.

Three differences from the published cells, recorded in docs/adr/0004-nb201-skeleton.md: average pools count padding
as zeros (so that the depthwise form of an XNNPACK target is exact), operators whose result cannot reach the output
are left out, and the 341 cells without a path from input to output are no candidates.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.ir.legal import check_network
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec


class EdgeOp(IntEnum):
    """Operators of an edge, in the benchmark's order."""

    NONE = 0
    SKIP = 1
    CONV_1X1 = 2
    CONV_3X3 = 3
    POOL_3X3 = 4


EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(from, to) in the order of the benchmark's data files."""
_NAMES: Final = {
    EdgeOp.NONE: "none",
    EdgeOp.SKIP: "skip_connect",
    EdgeOp.CONV_1X1: "nor_conv_1x1",
    EdgeOp.CONV_3X3: "nor_conv_3x3",
    EdgeOp.POOL_3X3: "avg_pool_3x3",
}
_BY_NAME: Final = {name: op for op, name in _NAMES.items()}
_STAGES: Final = 3


def format_arch(ops: Sequence[int]) -> str:
    """The benchmark's string, e.g. ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|``."""
    named = dict(zip(EDGES, (_NAMES[EdgeOp(op)] for op in ops), strict=True))
    return "+".join(
        "|" + "|".join(f"{named[source, node]}~{source}" for source in range(node)) + "|" for node in (1, 2, 3)
    )


@lru_cache(maxsize=1 << 15)
def parse_arch(arch: str) -> tuple[EdgeOp, ...]:
    """Six operators in the order of ``EDGES``; InputError when the string is none of the benchmark's."""
    ops = []
    for node, text in enumerate(arch.split("+"), start=1):
        items = text.strip("|").split("|")
        for source, item in enumerate(items):
            name, _, origin = item.partition("~")
            if origin != str(source) or len(items) != node or name not in _BY_NAME:
                raise InputError(f"{arch!r} is no NAS-Bench-201 cell: {item!r}; operators are {', '.join(_BY_NAME)}")
            ops.append(_BY_NAME[name])
    if len(ops) != len(EDGES):
        raise InputError(f"{arch!r} is no NAS-Bench-201 cell: {len(ops)} edges instead of {len(EDGES)}")
    # Other spellings of the same cell would be strangers to tables and files.
    if format_arch(ops) != arch:
        raise InputError(f"{arch!r} is no NAS-Bench-201 cell: it is spelled {format_arch(ops)!r}")
    return tuple(ops)


def is_connected(ops: Sequence[int]) -> bool:
    """Whether any path leads from the cell's input to its output."""
    reached = {0}
    for (source, node), op in zip(EDGES, ops, strict=True):
        if source in reached and op != EdgeOp.NONE:
            reached.add(node)
    return 3 in reached


@dataclass(frozen=True, slots=True)
class Macro:
    """The skeleton around the cells."""

    input: TensorSpec
    classes: int
    channels: int = 16
    cells_per_stage: int = 1
    stem_stride: int = 1


@dataclass(frozen=True)
class NB201Space:
    """All connected cells on one skeleton; a :class:`nasc_search.spaces.space.SearchSpace`."""

    macro: Macro

    @property
    def name(self) -> str:
        """Name and macro parameters."""
        macro = self.macro
        return (
            f"nb201-{macro.input}-c{macro.channels}-n{macro.cells_per_stage}-s{macro.stem_stride}-k{macro.classes}"
        )

    @cached_property
    def archs(self) -> tuple[str, ...]:
        """The 15,284 connected cells, in the order of their operators."""
        every = itertools.product(tuple(EdgeOp), repeat=len(EDGES))
        return tuple(format_arch(ops) for ops in every if is_connected(ops))

    def sample(self, rng: np.random.Generator) -> str:
        """One connected cell, uniformly."""
        return self.archs[int(rng.integers(len(self.archs)))]

    def covering_archs(self) -> tuple[str, ...]:
        """All convolutions of either size on every edge."""
        return tuple(format_arch((op,) * len(EDGES)) for op in (EdgeOp.CONV_1X1, EdgeOp.CONV_3X3))

    def encode(self, arch: str) -> tuple[int, ...]:
        """Operators of the six edges."""
        return tuple(int(op) for op in parse_arch(arch))

    @property
    def choices(self) -> tuple[int, ...]:
        """Five operators on each of six edges."""
        return (len(EdgeOp),) * len(EDGES)

    def decode(self, code: Sequence[int]) -> str:
        """The cell with these operators."""
        return format_arch(code)

    def network(self, arch: str) -> Network:
        """The network with this cell everywhere; InputError when the cell is unknown or disconnected."""
        ops = parse_arch(arch)
        if not is_connected(ops):
            raise InputError(f"{arch} has no path from its input to its output")
        macro = self.macro
        blocks = [_stem(macro)]
        for stage in range(_STAGES):
            if stage:
                blocks.append(_reduction(f"reduce_{stage}", blocks[-1].output_spec))
            for index in range(macro.cells_per_stage):
                blocks.append(_cell(f"cell_{stage}_{index}", blocks[-1].output_spec, ops))
        blocks.append(_classifier(blocks[-1].output_spec, macro.classes))
        return check_network(Network(arch, tuple(blocks)))


def _stem(macro: Macro) -> Block:
    height, width = (-(-size // macro.stem_stride) for size in (macro.input.height, macro.input.width))
    spec = TensorSpec(height, width, macro.channels)
    conv = Op(
        OpKind.CONV, (INPUT,), "y", spec, 3, macro.stem_stride, param="stem.conv", batch_norm=True
    )
    return Block("stem", BlockKind.STEM, macro.input, (conv,), "y")


def _cell(name: str, spec: TensorSpec, ops: Sequence[EdgeOp]) -> Block:
    """Nodes are sums of their incoming edges; one RELU serves all convolutions that read the same node."""
    emitted: list[Op] = []
    node_tensor: dict[int, str] = {0: INPUT}

    def relu_of(node: int) -> str:
        name = f"relu{node}"
        if all(op.output != name for op in emitted):
            emitted.append(Op(OpKind.RELU, (node_tensor[node],), name, spec))
        return name

    def edge(source: int, node: int, op: EdgeOp) -> str:
        output = f"e{source}{node}"
        match op:
            case EdgeOp.POOL_3X3:
                emitted.append(Op(OpKind.AVG_POOL, (node_tensor[source],), output, spec, kernel=3))
            case EdgeOp.CONV_1X1 | EdgeOp.CONV_3X3:
                kernel = 1 if op is EdgeOp.CONV_1X1 else 3
                param = f"{name}.{output}.conv{kernel}"
                emitted.append(
                    Op(OpKind.CONV, (relu_of(source),), output, spec, kernel, param=param, batch_norm=True)
                )
            case _:
                return node_tensor[source]
        return output

    for node in (1, 2, 3):
        total: str | None = None
        for (source, target), op in zip(EDGES, ops, strict=True):
            if target != node or op is EdgeOp.NONE or source not in node_tensor:
                continue
            term = edge(source, node, op)
            if total is not None:
                emitted.append(Op(OpKind.ADD, (total, term), f"n{node}_{source}", spec))
                term = f"n{node}_{source}"
            total = term
        if total is not None:
            node_tensor[node] = total
    return Block(name, BlockKind.CELL, spec, tuple(emitted), node_tensor[3]).without_dead_ops()


def _reduction(name: str, source: TensorSpec) -> Block:
    """The benchmark's residual block: two RELU-conv-BN, and a pooled 1x1 convolution as the shortcut."""
    half = TensorSpec(source.height // 2, source.width // 2, source.channels)
    spec = TensorSpec(-(-source.height // 2), -(-source.width // 2), source.channels * 2)
    if (half.height, half.width) != (spec.height, spec.width):
        raise InputError(f"{name}: {source} cannot be halved; choose an input whose sides divide by four")
    return Block(
        name,
        BlockKind.REDUCTION,
        source,
        (
            Op(OpKind.RELU, (INPUT,), "relu_a", source),
            Op(OpKind.CONV, ("relu_a",), "a", spec, 3, 2, Activation.RELU, f"{name}.conv_a", batch_norm=True),
            Op(OpKind.CONV, ("a",), "b", spec, 3, param=f"{name}.conv_b", batch_norm=True),
            Op(OpKind.AVG_POOL, (INPUT,), "pooled", half, 2, 2),
            Op(OpKind.CONV, ("pooled",), "shortcut", spec, param=f"{name}.shortcut"),
            Op(OpKind.ADD, ("b", "shortcut"), "y", spec),
        ),
        "y",
    )


def _classifier(source: TensorSpec, classes: int) -> Block:
    channels = TensorSpec(1, 1, source.channels)
    return Block(
        "classifier",
        BlockKind.CLASSIFIER,
        source,
        (
            Op(
                OpKind.DEPTHWISE, (INPUT,), "normal", source, activation=Activation.RELU,
                param="classifier.normal", batch_norm=True,
            ),
            Op(OpKind.GLOBAL_POOL, ("normal",), "pooled", channels),
            Op(OpKind.DENSE, ("pooled",), "y", TensorSpec(1, 1, classes), param="classifier.dense"),
        ),
        "y",
    )
