"""Memory of a head before it is exported, from the IR: the arena exactly as the exporter's planner places it, the model
file to within a few hundred bytes; both tested against the exporter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from nasc_sdk.ir.count import op_parameters
from nasc_sdk.ir.network import INPUT, Block, Op, OpKind
from nasc_sdk.tflite.placement import aligned, placed_bytes

# What the exporter writes beside weights, in the builtin form: tables of the file, of an operator with weights (three
# tensors), of one without, of a PAD, and for each output channel a bias and the scales and zero points of both.
FILE_BYTES: Final = 400
_WEIGHTED_BYTES: Final = 400
_PLAIN_BYTES: Final = 130
_PAD_BYTES: Final = 340
_CHANNEL_BYTES: Final = 28

_Step = tuple[tuple[int, ...], int]
"""Tensors read, aligned bytes of the one written."""
_NamedStep = tuple[tuple[str, ...], str, int]


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What the planner must know of a simplified block in the builtin form (with its PADs).

    Tensors are numbered in the order in which they are written, from 1; 0 is the input.
    """

    input_bytes: int
    steps: tuple[_Step, ...]
    output: int


def block_plan(block: Block) -> BlockPlan:
    """Of a simplified block."""
    numbers = {INPUT: 0}
    steps: list[_Step] = []
    for inputs, written, size in (step for op in block.ops for step in _steps(op, block)):
        steps.append((tuple(numbers[name] for name in inputs), size))
        numbers[written] = len(steps)
    return BlockPlan(aligned(block.input.elements), tuple(steps), numbers[block.output])


def head_bytes(plans: Sequence[BlockPlan]) -> int:
    """Arena of consecutive blocks, at least one: all their activations placed largest first, as TFLite does.

    It may be more than the most that any block needs: what one block leaves behind is where the next would begin.
    """
    steps: list[_Step] = []
    source = 0
    for plan in plans:
        base = len(steps)
        for inputs, size in plan.steps:
            steps.append((tuple(base + number if number else source for number in inputs), size))
        source = base + plan.output if plan.output else source
    return _planned(tuple(steps), plans[0].input_bytes, source)


def activation_bytes(block: Block) -> int:
    """Arena of a simplified block alone; of a chain of layers the largest is the arena of all."""
    return head_bytes((block_plan(block),))


def model_bytes(block: Block) -> int:
    """What a simplified block adds to an int8 model file: weights, biases, quantization and tables."""
    return sum(_op_bytes(op, block) for op in block.ops)


def _op_bytes(op: Op, block: Block) -> int:
    pads = _PAD_BYTES * (len(_steps(op, block)) - 1)
    source = block.spec_of(op.inputs[0])
    if op.param:
        # A grouped convolution is exported as a dense one.
        weights = op_parameters(replace(op, groups=1), source) - op.spec.channels
    elif op.kind is OpKind.GLOBAL_POOL:
        # A depthwise convolution of equal weights.
        weights = source.elements
    else:
        return pads + _PLAIN_BYTES
    return pads + _WEIGHTED_BYTES + weights + _CHANNEL_BYTES * op.spec.channels


def _steps(op: Op, block: Block) -> list[_NamedStep]:
    """The operator, after the PAD that the builtin form puts before some."""
    size = aligned(op.spec.elements)
    margin = op.kernel // 2
    strided = op.kind in (OpKind.CONV, OpKind.DEPTHWISE) and op.stride > 1
    if margin and (strided or (op.kind is OpKind.AVG_POOL and op.stride == 1)):
        source = block.spec_of(op.inputs[0])
        padded = (source.height + 2 * margin) * (source.width + 2 * margin) * source.channels
        name = f"{op.output}/padded"
        return [(op.inputs, name, aligned(padded)), ((name,), op.output, size)]
    return [(op.inputs, op.output, size)]


# Cells that differ in the size of their convolutions only are planned once.
@lru_cache(maxsize=1 << 17)
def _planned(steps: tuple[_Step, ...], input_bytes: int, output: int) -> int:
    sizes = [input_bytes, *(size for _, size in steps)]
    first = [number - 1 for number in range(len(sizes))]
    last = list(first)
    for index, (inputs, _) in enumerate(steps):
        for number in inputs:
            last[number] = index
    last[output] = len(steps)
    return placed_bytes(sizes, first, last)
