"""Ranks sub-networks by what they would reach trained alone, from what they reach with a supernet's weights.

Shared weights favour shallow cells: what follows several shared convolutions learns from inputs that every draw
changes. Trained alone, a cell gains about two points on them with each convolution on its longest path, a 1x1 counted
half. Weight and measure were chosen on NAS-Bench-201's CIFAR-10 accuracies of the 685 sub-networks that ship with
accuracies; docs/accuracy.md has what they bring there, and on networks that were trained for the comparison.
"""

from __future__ import annotations

from typing import Final

from nasc_sdk.ir.network import INPUT, Block, BlockKind, Network, OpKind

_GAIN: Final = 0.02
"""Accuracy, 0..1, a convolution."""
_POINTWISE: Final = 0.5


def alone_score(network: Network, accuracy: float) -> float:
    """The larger, the better ``network`` will be once trained alone; no accuracy, only its order means something.

    ``accuracy`` is that with shared weights. Of networks without cells nothing is known: they rank by it alone.
    """
    cells = [block for block in network.blocks if block.kind is BlockKind.CELL]
    return accuracy + _GAIN * max(map(convolution_depth, cells), default=0.0)


def convolution_depth(block: Block) -> float:
    """Convolutions on the path that has most of them, a 1x1 counted half."""
    depths = {INPUT: 0.0}
    for op in block.ops:
        own = 0.0 if op.kind is not OpKind.CONV else _POINTWISE if op.kernel == 1 else 1.0
        depths[op.output] = own + max(depths[name] for name in op.inputs)
    return depths[block.output]
