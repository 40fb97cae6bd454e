"""What a network costs on paper: multiply-accumulates and parameters.

A grouped convolution counts what its groups multiply; exported, it is a dense one (ADR 0014).
"""

from __future__ import annotations

from nasc_sdk.ir.network import Block, Network, Op, OpKind, TensorSpec


def op_macs(op: Op, source: TensorSpec) -> int:
    """Multiply-accumulates of one operator on one sample; ``source`` is its first input's shape."""
    match op.kind:
        case OpKind.CONV:
            return op.spec.elements * op.kernel**2 * source.channels // op.groups
        case OpKind.DEPTHWISE:
            return op.spec.elements * op.kernel**2
        case OpKind.DENSE:
            return op.spec.channels * source.elements
        case _:
            return 0


def op_parameters(op: Op, source: TensorSpec) -> int:
    """Weights and biases of one operator, batch norm folded."""
    match op.kind:
        case OpKind.CONV:
            return op.spec.channels * (op.kernel**2 * source.channels // op.groups + 1)
        case OpKind.DEPTHWISE:
            return op.spec.channels * (op.kernel**2 + 1)
        case OpKind.DENSE:
            return op.spec.channels * (source.elements + 1)
        case _:
            return 0


def macs(network: Network | Block) -> int:
    """Multiply-accumulates of one sample."""
    return sum(op_macs(op, block.spec_of(op.inputs[0])) for block in _blocks(network) for op in block.ops)


def parameters(network: Network | Block) -> int:
    """Weights and biases, batch norm folded."""
    return sum(op_parameters(op, block.spec_of(op.inputs[0])) for block in _blocks(network) for op in block.ops)


def _blocks(network: Network | Block) -> tuple[Block, ...]:
    return (network,) if isinstance(network, Block) else network.blocks
