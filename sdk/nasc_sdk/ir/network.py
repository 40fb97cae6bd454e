"""Network, Block and Op: plain frozen values, NHWC, batch 1.

Theory of operation
-------------------
* A block is a small graph in single-assignment form. Its input tensor is called ``INPUT`` inside the block;
  every op names one new tensor. The block's ``output`` is one of those names (or ``INPUT``: the identity).
* Blocks are a list; a *cut* ``k`` is the boundary before block ``k``. Cut 0 puts everything on the server,
  cut ``len(blocks)`` puts everything on the board.
* ``Op.param`` names the op's weights in a weight store (a supernet checkpoint); the IR never holds weights.

What is legal is said in :mod:`nasc_sdk.ir.legal`, what it costs in :mod:`nasc_sdk.ir.count`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

INPUT: Final = "x"


class OpKind(StrEnum):
    """Operators of the IR; each maps to one TFLite builtin (plus PAD where a form needs it)."""

    CONV = "conv"
    """2-D convolution with padding kernel//2 and bias; batch norm in training."""
    DEPTHWISE = "depthwise"
    """Depthwise 2-D convolution, multiplier 1, padding kernel//2, with bias; batch norm in training."""
    RELU = "relu"
    ADD = "add"
    AVG_POOL = "avg_pool"
    """Average pool, padding kernel//2 where stride is 1, none otherwise; padding counts as zeros."""
    GLOBAL_POOL = "global_pool"
    """Average over height and width, keeps 1x1xC."""
    DENSE = "dense"
    """Fully connected over the flattened input, with bias."""


class Activation(StrEnum):
    """Activation fused into a CONV, DEPTHWISE, ADD or DENSE."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


class BlockKind(StrEnum):
    """Units of measurement and of splitting."""

    STEM = "stem"
    CELL = "cell"
    REDUCTION = "reduction"
    INVERTED_RESIDUAL = "inverted_residual"
    ENCODER = "encoder"
    """Narrows a cut before it is sent: the last block of a head."""
    DECODER = "decoder"
    """The first block of the tail then."""
    CLASSIFIER = "classifier"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape of one sample's tensor, NHWC without the batch dimension."""

    height: int
    width: int
    channels: int

    @property
    def elements(self) -> int:
        """Number of elements; equal to bytes in int8."""
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, slots=True)
class Op:
    """One operator: reads ``inputs``, defines ``output`` with shape ``spec``."""

    kind: OpKind
    inputs: tuple[str, ...]
    output: str
    spec: TensorSpec
    kernel: int = 1
    stride: int = 1
    activation: Activation = Activation.NONE
    param: str = ""
    """Key of the weights in the weight store; empty for operators without weights."""
    batch_norm: bool = False
    """Trained with batch norm after it, folded at export."""
    groups: int = 1
    """CONV only: output channel ``j`` of ``m`` reads the input channels of group ``j // (m / groups)`` alone."""
    shuffled: bool = False
    """... of group ``j % groups`` instead: a grouped convolution with its channels shuffled afterwards (ShuffleNet,
    arXiv 1707.01083), as one operator. Weights are in the order of the output."""

    @property
    def label(self) -> str:
        """Short name with kernel and stride, e.g. ``conv3x3/2``."""
        size = f"{self.kernel}x{self.kernel}" if self.kernel > 1 or self.param else ""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.kind.value}{size}{stride}"


@dataclass(frozen=True, slots=True)
class Block:
    """A single-assignment graph from ``INPUT`` (shape ``input``) to the tensor named ``output``."""

    name: str
    kind: BlockKind
    input: TensorSpec
    ops: tuple[Op, ...]
    output: str

    @property
    def output_spec(self) -> TensorSpec:
        """Shape of the block's result."""
        return self.spec_of(self.output)

    def spec_of(self, tensor: str) -> TensorSpec:
        """Shape of a tensor of this block; KeyError when nothing defines it."""
        if tensor == INPUT:
            return self.input
        for op in self.ops:
            if op.output == tensor:
                return op.spec
        raise KeyError(tensor)

    def without_dead_ops(self) -> Block:
        """The same block without operators whose result cannot reach the output."""
        needed, live = {self.output}, []
        for op in reversed(self.ops):
            if op.output in needed:
                live.append(op)
                needed.update(op.inputs)
        return replace(self, ops=tuple(reversed(live)))


@dataclass(frozen=True, slots=True)
class Network:
    """An ordered list of blocks; ``arch`` is the search space's own name for it."""

    arch: str
    blocks: tuple[Block, ...]

    @property
    def input(self) -> TensorSpec:
        """Shape of one input sample."""
        return self.blocks[0].input

    @property
    def output(self) -> TensorSpec:
        """Shape of the result (1x1xclasses)."""
        return self.blocks[-1].output_spec

    @property
    def cuts(self) -> range:
        """All cuts, from everything on the server (0) to everything on the board (the last)."""
        return range(len(self.blocks) + 1)

    def cut_spec(self, cut: int) -> TensorSpec:
        """Shape of the tensor that crosses ``cut``."""
        return self.input if cut == 0 else self.blocks[cut - 1].output_spec

    def head(self, cut: int) -> Network:
        """Blocks before the cut."""
        return replace(self, blocks=self.blocks[:cut])

    def tail(self, cut: int) -> Network:
        """Blocks after the cut."""
        return replace(self, blocks=self.blocks[cut:])

    def ops(self) -> Iterator[tuple[Block, Op]]:
        """All operators in order, each with its block."""
        for block in self.blocks:
            for op in block.ops:
                yield block, op
