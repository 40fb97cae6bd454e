"""Each rule of legality, with the smallest network that breaks it."""

from dataclasses import replace

import pytest

from nasc_sdk.errors import IllegalNetworkError
from nasc_sdk.ir.legal import MAX_KERNEL, check_block, check_network
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec

SPEC, HALF = TensorSpec(4, 4, 2), TensorSpec(2, 2, 2)
RELU = Op(OpKind.RELU, (INPUT,), "y", SPEC)
CONV = Op(OpKind.CONV, (INPUT,), "y", SPEC, 3, param="w")
POOL = Op(OpKind.AVG_POOL, (INPUT,), "y", HALF, 2, 2)
ADD = Op(OpKind.ADD, (INPUT, INPUT), "y", SPEC)
GLOBAL = Op(OpKind.GLOBAL_POOL, (INPUT,), "y", TensorSpec(1, 1, 2))
DENSE = Op(OpKind.DENSE, (INPUT,), "y", TensorSpec(1, 1, 3), param="w")
DEPTHWISE = replace(CONV, kind=OpKind.DEPTHWISE)


def block(*ops, name="b", output="y", spec=SPEC):
    return Block(name, BlockKind.CELL, spec, ops, output)


@pytest.mark.parametrize("op", [RELU, CONV, POOL, ADD, GLOBAL, DENSE, DEPTHWISE], ids=lambda op: op.kind.value)
def test_legal_ops(op):
    assert check_network(Network("n", (block(op),))).blocks[0].ops == (op,)


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        (replace(RELU, inputs=("ghost",)), "before it is defined"),
        (replace(RELU, output=INPUT), "defines a tensor twice"),
        (replace(RELU, inputs=()), "takes 1 inputs, not 0"),
        (replace(ADD, inputs=(INPUT,)), "takes 2 inputs, not 1"),
        (replace(CONV, kernel=MAX_KERNEL + 2), "outside"),
        (replace(CONV, kernel=0), "outside"),
        (replace(CONV, stride=3), "outside"),
        (replace(RELU, kernel=3), "no kernel"),
        (replace(RELU, stride=2, spec=HALF), "no kernel and no stride"),
        (replace(ADD, stride=2, spec=HALF), "no kernel and no stride"),
        (replace(GLOBAL, kernel=3), "no kernel"),
        (replace(DENSE, stride=2), "no kernel"),
        (replace(CONV, stride=2), "its inputs give 2x2x2"),
        (replace(DEPTHWISE, spec=TensorSpec(4, 4, 3)), "its inputs give 4x4x2"),
        (replace(POOL, kernel=7), "its inputs give"),
        (replace(CONV, spec=TensorSpec(4, 4, 0)), "empty"),
        (replace(CONV, spec=TensorSpec(4, 4, 1 << 21)), "elements"),
        (replace(CONV, param=""), "needs a weight key"),
        (replace(RELU, param="w"), "no weights"),
        (replace(POOL, activation=Activation.RELU), "cannot fuse relu"),
        (replace(DENSE, batch_norm=True), "follows convolutions only"),
        (replace(CONV, groups=3), "3 groups do not divide 2 and 2 channels"),
        (replace(CONV, groups=0), "0 groups do not divide"),
        (replace(CONV, groups=-2), "-2 groups do not divide"),
        (replace(CONV, shuffled=True), "shuffles the channels of one group"),
        (replace(DEPTHWISE, groups=2), "depthwise has no groups"),
        (replace(DENSE, groups=2), "dense has no groups"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.label,
)
def test_each_rule_is_kept(op, reason):
    with pytest.raises(IllegalNetworkError, match=reason) as refused:
        check_block(block(op))
    assert refused.value.block == "b"
    assert refused.value.op == op.output


def test_only_equal_shapes_are_added():
    with pytest.raises(IllegalNetworkError, match="adds 2x2x2 to 4x4x2"):
        check_block(block(replace(POOL, output="p"), replace(ADD, inputs=("p", INPUT), spec=HALF)))


def test_the_output_is_defined():
    with pytest.raises(IllegalNetworkError, match="output z is defined by no op"):
        check_block(block(RELU, output="z"))


@pytest.mark.parametrize("spec", [TensorSpec(0, 4, 2), TensorSpec(4, -4, 2), TensorSpec(1 << 13, 1 << 13, 1)])
def test_the_input_has_a_size(spec):
    with pytest.raises(IllegalNetworkError, match="shape"):
        check_block(block(output=INPUT, spec=spec))


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ((), "at least one block"),
        ((block(RELU), block(RELU)), "share a name"),
        ((block(POOL), block(RELU, name="c")), "takes 4x4x2, but b gives 2x2x2"),
    ],
)
def test_blocks_fit_together(blocks, reason):
    with pytest.raises(IllegalNetworkError, match=reason):
        check_network(Network("n", blocks))
