"""Seeded random networks, weights and ranges over every operator of the IR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nasc_sdk.ir.legal import check_network, output_spec
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec
from nasc_search.export import float_reference
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.weights import LayerWeights

TINY = NB201Space(Macro(TensorSpec(8, 8, 3), classes=4, channels=8))


def random_weights(network, rng):
    """Weights that keep the size of activations, with biases."""
    weights = {}
    for block, op in network.ops():
        if not op.param:
            continue
        fan_in = block.spec_of(op.inputs[0]).channels // op.groups
        shape = {
            OpKind.CONV: (op.spec.channels, fan_in, op.kernel, op.kernel),
            OpKind.DEPTHWISE: (op.spec.channels, 1, op.kernel, op.kernel),
            OpKind.DENSE: (op.spec.channels, block.spec_of(op.inputs[0]).elements),
        }[op.kind]
        spread = np.sqrt(2 / np.prod(shape[1:]))
        weights[op.param] = LayerWeights(
            rng.normal(0, spread, shape).astype(np.float32),
            rng.normal(0, 0.2, op.spec.channels).astype(np.float32),
        )
    return weights


def images(network, rng, count=8):
    """A batch of real-valued inputs."""
    spec = network.input
    return rng.normal(0, 1, (count, spec.height, spec.width, spec.channels)).astype(np.float32)


def case(network, seed):
    """(network, weights, ranges, batch): everything the exporter takes, and a batch to compare on."""
    rng = np.random.default_rng(seed)
    weights = random_weights(network, rng)
    ranges = float_reference.ranges(network, weights, images(network, rng, 16))
    return network, weights, ranges, images(network, rng, 4)


def random_network(rng, blocks=3, ops=6):
    """Blocks of any legal operators on any earlier tensor, dead ones included."""
    spec, chain = TensorSpec(int(rng.integers(6, 11)), int(rng.integers(6, 11)), int(rng.integers(1, 6))), []
    for index in range(blocks):
        chain.append(_random_block(f"b{index}", spec, rng, ops))
        spec = chain[-1].output_spec
    return check_network(Network("random", tuple(chain)))


def _random_block(name, spec, rng, count):
    shapes, ops = {INPUT: spec}, []
    for index in range(count):
        op = _random_op(name, f"t{index}", shapes, rng)
        ops.append(op)
        shapes[op.output] = op.spec
    return Block(name, BlockKind.CELL, spec, tuple(ops), ops[-1].output if ops else INPUT)


def _random_op(block, output, shapes, rng):
    names = list(shapes)
    kind = _pick([kind for kind in OpKind for _ in range(_FREQUENCY[kind])], rng)
    first = names[int(rng.integers(max(0, len(names) - 3), len(names)))]
    source = shapes[first]
    inputs, kernel, stride, channels = (first,), 1, 1, source.channels
    if kind is OpKind.ADD:
        inputs = (first, _pick([name for name in names if shapes[name] == source], rng))
    if kind in (OpKind.CONV, OpKind.DEPTHWISE, OpKind.AVG_POOL):
        kernel, stride = _window(kind, source, rng)
    if kind in (OpKind.CONV, OpKind.DENSE):
        channels = _pick((source.channels, 3, 8), rng)
    weighted = kind in (OpKind.CONV, OpKind.DEPTHWISE, OpKind.DENSE)
    groups = 2 if kind is OpKind.CONV and source.channels % 2 == channels % 2 == 0 and rng.random() < 0.5 else 1
    activation = _pick(list(Activation), rng) if weighted or kind is OpKind.ADD else Activation.NONE
    draft = Op(kind, inputs, output, TensorSpec(1, 1, channels), kernel, stride, activation,
               f"{block}.{output}" if weighted else "", groups=groups, shuffled=groups > 1 and rng.random() < 0.5)
    return replace(draft, spec=output_spec(draft, tuple(shapes[name] for name in inputs)))


def _pick(choices, rng):
    return choices[int(rng.integers(len(choices)))]


_FREQUENCY = {
    OpKind.CONV: 4, OpKind.DEPTHWISE: 2, OpKind.RELU: 4, OpKind.ADD: 4, OpKind.AVG_POOL: 3,
    OpKind.GLOBAL_POOL: 1, OpKind.DENSE: 1,
}


def _window(kind, source, rng):
    """Kernel and stride that leave at least one pixel."""
    side = min(source.height, source.width)
    stride = int(rng.integers(1, 3)) if side >= 4 else 1
    kernels = [k for k in ((1, 2, 3, 5) if kind is not OpKind.AVG_POOL else (2, 3)) if k <= side]
    return (_pick(kernels, rng) if kernels else 1), stride
