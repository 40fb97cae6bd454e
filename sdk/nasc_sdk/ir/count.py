"""What a network costs on paper: MACs, parameters, activation bytes and peak memory, in int8.

A grouped convolution counts what its groups multiply; exported, it is a dense one (ADR 0014).
"""

from __future__ import annotations

from nasc_sdk.ir.network import INPUT, Block, Network, Op, OpKind, TensorSpec


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


def flash_bytes(network: Network | Block) -> int:
    """Bytes of int8 weights and int32 biases; the file adds its tables on top."""
    total = 0
    for block in _blocks(network):
        for op in block.ops:
            if op.param:
                total += op_parameters(op, block.spec_of(op.inputs[0])) + 3 * op.spec.channels
    return total


def peak_memory(network: Network | Block) -> int:
    """Bytes of int8 activations alive at once at the worst moment: a lower bound of any arena.

    An operator's inputs and output are alive together; a tensor lives until its last reader ran.
    """
    return max(_block_peak(block) for block in _blocks(network)) if _blocks(network) else 0


def _block_peak(block: Block) -> int:
    last_read = {INPUT: -1, block.output: len(block.ops)}
    for index, op in enumerate(block.ops):
        for name in op.inputs:
            last_read[name] = max(last_read.get(name, -1), index)
    alive = {INPUT: block.input.elements}
    peak = block.input.elements
    for index, op in enumerate(block.ops):
        alive[op.output] = op.spec.elements
        peak = max(peak, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last_read.get(name, -1) > index}
    return peak


def _blocks(network: Network | Block) -> tuple[Block, ...]:
    return (network,) if isinstance(network, Block) else network.blocks
