"""Memory of a head before it is exported: estimates from the IR, tested against the exporter."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

from nasc_sdk.ir.count import op_parameters
from nasc_sdk.ir.network import INPUT, Block, Op, OpKind

# What the exporter writes beside weights, in the builtin form: tables of the file, of an operator with weights (three
# tensors), of one without, of a PAD, and for each output channel a bias and the scales and zero points of both.
FILE_BYTES: Final = 400
_WEIGHTED_BYTES: Final = 400
_PLAIN_BYTES: Final = 130
_PAD_BYTES: Final = 340
_CHANNEL_BYTES: Final = 28
_ALIGNMENT: Final = 16

_Step = tuple[tuple[str, ...], str, int]
"""Tensors read, tensor written, its aligned bytes."""
_Placed = tuple[int, int, int, int]
"""First byte, last byte, first step, last step."""


def activation_bytes(block: Block) -> int:
    """Arena of a simplified block in the builtin form (with its PADs), placed largest first as TFLite does.

    A head needs about the most that any of its blocks needs.
    """
    steps = tuple(step for op in block.ops for step in _steps(op, block))
    return _planned(steps, _aligned(block.input.elements), block.output)


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


def _steps(op: Op, block: Block) -> list[_Step]:
    """The operator, after the PAD that the builtin form puts before some."""
    size = _aligned(op.spec.elements)
    margin = op.kernel // 2
    strided = op.kind in (OpKind.CONV, OpKind.DEPTHWISE) and op.stride > 1
    if margin and (strided or (op.kind is OpKind.AVG_POOL and op.stride == 1)):
        source = block.spec_of(op.inputs[0])
        padded = (source.height + 2 * margin) * (source.width + 2 * margin) * source.channels
        name = f"{op.output}/padded"
        return [(op.inputs, name, _aligned(padded)), ((name,), op.output, size)]
    return [(op.inputs, op.output, size)]


# Cells that differ in the size of their convolutions only are planned once.
@lru_cache(maxsize=1 << 15)
def _planned(steps: tuple[_Step, ...], input_bytes: int, output: str) -> int:
    first, last, sizes = {INPUT: -1}, {INPUT: -1}, {INPUT: input_bytes}
    for index, (inputs, written, size) in enumerate(steps):
        first[written] = last[written] = index
        sizes[written] = size
        last.update(dict.fromkeys(inputs, index))
    last[output] = len(steps)
    placed: list[_Placed] = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], first[name], name)):
        start = 0
        for low, high, born, dead in sorted(placed):
            if born <= last[name] and first[name] <= dead:
                if start + sizes[name] <= low:
                    break
                start = max(start, high)
        placed.append((start, start + sizes[name], first[name], last[name]))
    return max(high for _, high, _, _ in placed)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
