"""What a legal network is: run after each pass, so that a bad one fails where it was made, not on the board."""

from __future__ import annotations

from nasc_sdk.errors import IllegalNetworkError
from nasc_sdk.ir.network import INPUT, Activation, Block, Network, Op, OpKind, TensorSpec

_ARITY = {OpKind.ADD: 2}
_WEIGHTED = frozenset({OpKind.CONV, OpKind.DEPTHWISE, OpKind.DENSE})
_WINDOWED = frozenset({OpKind.CONV, OpKind.DEPTHWISE, OpKind.AVG_POOL})
_FUSES = _WEIGHTED | {OpKind.ADD}
_KEEPS_CHANNELS = frozenset({OpKind.DEPTHWISE, OpKind.RELU, OpKind.ADD, OpKind.AVG_POOL, OpKind.GLOBAL_POOL})
MAX_KERNEL = 7
MAX_ELEMENTS = 1 << 24


def check_network(network: Network) -> Network:
    """Return the network; raises IllegalNetworkError naming the first block and op that break a rule."""
    if not network.blocks:
        raise IllegalNetworkError("", "", "a network has at least one block")
    names = [block.name for block in network.blocks]
    if len(set(names)) != len(names):
        raise IllegalNetworkError("", "", "two blocks share a name")
    before: Block | None = None
    for block in network.blocks:
        if before is not None and before.output_spec != block.input:
            raise IllegalNetworkError(
                block.name, "", f"takes {block.input}, but {before.name} gives {before.output_spec}"
            )
        check_block(block)
        before = block
    return network


def check_block(block: Block) -> Block:
    """Return the block; raises IllegalNetworkError naming the first op that breaks a rule."""
    shapes: dict[str, TensorSpec] = {INPUT: block.input}
    _check_size(block, "", block.input)
    for op in block.ops:
        _check_op(block, op, shapes)
        shapes[op.output] = op.spec
    if block.output not in shapes:
        raise IllegalNetworkError(block.name, "", f"output {block.output} is defined by no op")
    return block


def output_spec(op: Op, inputs: tuple[TensorSpec, ...]) -> TensorSpec:
    """Shape the op must have for these input shapes (channels of CONV and DENSE are the op's own choice)."""
    first = inputs[0]
    if op.kind is OpKind.DENSE or op.kind is OpKind.GLOBAL_POOL:
        channels = first.channels if op.kind is OpKind.GLOBAL_POOL else op.spec.channels
        return TensorSpec(1, 1, channels)
    padding = _padding(op)
    height = (first.height + 2 * padding - op.kernel) // op.stride + 1
    width = (first.width + 2 * padding - op.kernel) // op.stride + 1
    channels = first.channels if op.kind in _KEEPS_CHANNELS else op.spec.channels
    return TensorSpec(height, width, channels)


def _padding(op: Op) -> int:
    if op.kind is OpKind.AVG_POOL and op.stride > 1:
        return 0
    return op.kernel // 2


def _check_op(block: Block, op: Op, shapes: dict[str, TensorSpec]) -> None:
    def refuse(reason: str) -> IllegalNetworkError:
        return IllegalNetworkError(block.name, op.output, reason)

    if op.output in shapes:
        raise refuse("defines a tensor twice")
    if len(op.inputs) != _ARITY.get(op.kind, 1):
        raise refuse(f"{op.kind.value} takes {_ARITY.get(op.kind, 1)} inputs, not {len(op.inputs)}")
    for name in op.inputs:
        if name not in shapes:
            raise refuse(f"reads {name} before it is defined")
    if not (1 <= op.kernel <= MAX_KERNEL and op.stride in (1, 2)):
        raise refuse(f"kernel {op.kernel} and stride {op.stride} are outside 1..{MAX_KERNEL} and 1..2")
    if op.kind not in _WINDOWED and (op.kernel, op.stride) != (1, 1):
        raise refuse(f"{op.kind.value} has no kernel and no stride")
    inputs = tuple(shapes[name] for name in op.inputs)
    if op.groups != 1 and op.kind is not OpKind.CONV:
        raise refuse(f"{op.kind.value} has no groups")
    if op.groups < 1 or inputs[0].channels % op.groups or op.spec.channels % op.groups:
        raise refuse(f"{op.groups} groups do not divide {inputs[0].channels} and {op.spec.channels} channels")
    if op.shuffled and op.groups == 1:
        raise refuse("shuffles the channels of one group")
    if op.kind is OpKind.ADD and inputs[0] != inputs[1]:
        raise refuse(f"adds {inputs[0]} to {inputs[1]}")
    if op.spec != output_spec(op, inputs):
        raise refuse(f"says {op.spec}, but its inputs give {output_spec(op, inputs)}")
    if (op.kind in _WEIGHTED) != bool(op.param):
        raise refuse("needs a weight key" if op.kind in _WEIGHTED else "has a weight key but no weights")
    if op.activation is not Activation.NONE and op.kind not in _FUSES:
        raise refuse(f"{op.kind.value} cannot fuse {op.activation.value}")
    if op.batch_norm and op.kind not in (OpKind.CONV, OpKind.DEPTHWISE):
        raise refuse("batch norm follows convolutions only")
    _check_size(block, op.output, op.spec)


def _check_size(block: Block, op: str, spec: TensorSpec) -> None:
    if min(spec.height, spec.width, spec.channels) < 1 or spec.elements > MAX_ELEMENTS:
        raise IllegalNetworkError(block.name, op, f"shape {spec} is empty or over {MAX_ELEMENTS} elements")
