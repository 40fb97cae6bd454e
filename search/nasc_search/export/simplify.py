"""The IR pass before export: nothing is computed twice, or in vain, or in two steps where one will do.

* Dead operators go: XNNPACK drops them by itself, the builtin kernels would run them.
* Equal operators without weights (a RELU or a pool of one tensor) are computed once; a RELU of a result that
  is already rectified is that result.
* A RELU that is the only reader of a convolution's or an addition's result is fused into it.

Nothing moves across a block's border: a cut there must find the same tensor in every slice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from nasc_sdk.ir.legal import check_network
from nasc_sdk.ir.network import INPUT, Activation, Block, Network, Op, OpKind

_FUSES = frozenset({OpKind.CONV, OpKind.DEPTHWISE, OpKind.DENSE, OpKind.ADD})


def simplify(network: Network) -> Network:
    """An equivalent network with the same blocks at the same cuts; IllegalNetworkError if it was illegal."""
    check_network(network)
    return check_network(replace(network, blocks=tuple(map(simplify_block, network.blocks))))


def simplify_block(block: Block) -> Block:
    """An equivalent block; tensors that remain keep their names and values, and so their ranges."""
    return _fuse_relu(_share(block.without_dead_ops()).without_dead_ops())


def _share(block: Block) -> Block:
    """Replace each repeated computation by its first occurrence."""
    alias: dict[str, str] = {INPUT: INPUT}
    first: dict[Op, str] = {}
    rectified: set[str] = set()
    ops: list[Op] = []
    for original in block.ops:
        op = replace(original, inputs=tuple(alias[name] for name in original.inputs))
        key = replace(op, output="")
        if op.kind is OpKind.RELU and op.inputs[0] in rectified:
            alias[op.output] = op.inputs[0]
        elif not op.param and key in first:
            alias[op.output] = first[key]
        else:
            alias[op.output] = op.output
            first[key] = op.output
            ops.append(op)
            if op.kind is OpKind.RELU or op.activation is not Activation.NONE:
                rectified.add(op.output)
    return replace(block, ops=tuple(ops), output=alias[block.output])


def _fuse_relu(block: Block) -> Block:
    """Let the producer write the rectified tensor where nobody reads the other one."""
    readers = Counter(name for op in block.ops for name in op.inputs)
    readers[block.output] += 1
    producers = {op.output: op for op in block.ops}
    fused: dict[str, Op] = {}
    for op in block.ops:
        producer = producers.get(op.inputs[0])
        if (
            op.kind is OpKind.RELU
            and producer is not None
            and producer.kind in _FUSES
            and producer.activation is Activation.NONE
            and readers[producer.output] == 1
        ):
            fused[producer.output] = replace(producer, output=op.output, activation=Activation.RELU)
    gone = {op.output for op in fused.values()}
    return replace(block, ops=tuple(fused.get(op.output, op) for op in block.ops if op.output not in gone))
