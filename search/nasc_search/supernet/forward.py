"""The forward pass of any Network of the IR in torch (NCHW inside), whoever holds the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import torch
import torch.nn.functional as F

from nasc_sdk.ir.network import INPUT, Activation, Block, Network, Op, OpKind
from nasc_search.weights import group_mask

WeightedOp = Callable[[Op, torch.Tensor], torch.Tensor]
"""Runs one CONV, DEPTHWISE or DENSE with its batch norm, without its fused activation."""
Tap = Callable[[Block, str, torch.Tensor], None]
"""Sees every tensor of a block, by name, after fused activations."""
Crossing = Callable[[Block, torch.Tensor], torch.Tensor]
"""What becomes of a block's output on its way to the next block: few-bit codes where the network is cut."""


def run(
    network: Network, weighted: WeightedOp, x: torch.Tensor, tap: Tap | None = None, crossing: Crossing | None = None
) -> torch.Tensor:
    """Logits (batch, classes) or, for a network that ends at a cut, the cut tensor (batch, C, H, W)."""
    for block in network.blocks:
        values = {INPUT: x}
        if tap is not None:
            tap(block, INPUT, x)
        for op in block.ops:
            values[op.output] = run_op(op, values, weighted)
            if tap is not None:
                tap(block, op.output, values[op.output])
        x = values[block.output] if crossing is None else crossing(block, values[block.output])
    return x


def run_op(op: Op, values: dict[str, torch.Tensor], weighted: WeightedOp) -> torch.Tensor:
    """One operator of a block on the tensors so far, with its fused activation."""
    source = values[op.inputs[0]]
    match op.kind:
        case OpKind.CONV | OpKind.DEPTHWISE:
            y = weighted(op, source)
        case OpKind.DENSE:
            y = weighted(op, source.flatten(1))
        case OpKind.RELU:
            return F.relu(source)
        case OpKind.ADD:
            y = source + values[op.inputs[1]]
        case OpKind.AVG_POOL:
            return F.avg_pool2d(source, op.kernel, op.stride, op.kernel // 2 if op.stride == 1 else 0)
        case OpKind.GLOBAL_POOL:
            return source.mean((2, 3), keepdim=True)
        case _:
            assert_never(op.kind)
    match op.activation:
        case Activation.NONE:
            return y
        case Activation.RELU:
            return F.relu(y)
        case Activation.RELU6:
            return F.relu6(y)
        case _:
            assert_never(op.activation)


def convolve(op: Op, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The linear part of a CONV, DEPTHWISE or DENSE."""
    if op.kind is OpKind.DENSE:
        return F.linear(x, weight, bias)
    groups = x.shape[1] if op.kind is OpKind.DEPTHWISE else 1
    if op.groups > 1:
        # Dense with zeros, as it is exported: the shuffle needs no copy then.
        mask = torch.from_numpy(group_mask(op, x.shape[1]))[:, :, None, None]
        weight = weight.repeat(1, op.groups, 1, 1) * mask
    return F.conv2d(x, weight, bias, op.stride, op.kernel // 2, groups=groups)
