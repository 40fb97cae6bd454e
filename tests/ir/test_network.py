"""Network, Block and Op."""

import pytest

from nasc_sdk.ir.network import INPUT, Block, BlockKind, Network, Op, OpKind, TensorSpec

SPEC = TensorSpec(4, 4, 2)


def relu(source, output):
    return Op(OpKind.RELU, (source,), output, SPEC)


RELU = (relu(INPUT, "y"),)


def block(name="b", ops=RELU, output="y"):
    return Block(name, BlockKind.CELL, SPEC, tuple(ops), output)


def test_dead_ops_are_those_that_cannot_reach_the_output():
    ops = (relu(INPUT, "dead"), relu("dead", "deader"), relu(INPUT, "a"), Op(OpKind.ADD, ("a", INPUT), "y", SPEC))
    lean = block(ops=ops).without_dead_ops()
    assert [op.output for op in lean.ops] == ["a", "y"]
    assert lean.without_dead_ops() == lean


def test_the_identity_has_no_live_ops():
    assert block(output=INPUT).without_dead_ops().ops == ()
    assert block(ops=(), output=INPUT).output_spec == SPEC


def test_cuts_split_into_head_and_tail():
    network = Network("two", (block("a"), block("b")))
    assert list(network.cuts) == [0, 1, 2]
    for cut in network.cuts:
        assert network.head(cut).blocks + network.tail(cut).blocks == network.blocks
        assert network.cut_spec(cut) == SPEC


def test_labels():
    conv = Op(OpKind.CONV, (INPUT,), "y", SPEC, 3, 2, param="w")
    assert conv.label == "conv3x3/2"
    assert relu(INPUT, "y").label == "relu"


def test_an_unknown_tensor_has_no_shape():
    with pytest.raises(KeyError):
        block().spec_of("nothing")
