from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.errors import IllegalNetworkError
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec
from nasc_search.export import float_reference
from nasc_search.export.simplify import simplify, simplify_block
from tests.export.networks import case, random_network

SPEC = TensorSpec(6, 6, 4)


def block(*ops, output):
    return Block("b", BlockKind.CELL, SPEC, ops, output)


def conv(source, output, activation=Activation.NONE):
    return Op(OpKind.CONV, (source,), output, SPEC, 3, param=output, activation=activation)


def relu(source, output):
    return Op(OpKind.RELU, (source,), output, SPEC)


def test_dead_operators_go():
    simple = simplify_block(block(conv(INPUT, "dead"), conv(INPUT, "y"), output="y"))
    assert [op.output for op in simple.ops] == ["y"]


def test_a_relu_of_one_tensor_is_computed_once():
    ops = (relu(INPUT, "r1"), relu(INPUT, "r2"), Op(OpKind.ADD, ("r1", "r2"), "y", SPEC))
    simple = simplify_block(block(*ops, output="y"))
    assert [(op.kind, op.inputs) for op in simple.ops] == [(OpKind.RELU, ("x",)), (OpKind.ADD, ("r1", "r1"))]


def test_equal_pools_are_computed_once_and_convolutions_never():
    pools = [Op(OpKind.AVG_POOL, (INPUT,), name, SPEC, 3) for name in ("p", "q")]
    ops = (*pools, conv("p", "c"), conv("q", "d"), Op(OpKind.ADD, ("c", "d"), "y", SPEC))
    simple = simplify_block(block(*ops, output="y"))
    assert [op.output for op in simple.ops] == ["p", "c", "d", "y"]


def test_a_relu_is_fused_into_its_only_producer():
    simple = simplify_block(block(conv(INPUT, "c"), relu("c", "r"), conv("r", "y"), output="y"))
    assert [(op.output, op.activation) for op in simple.ops] == [
        ("r", Activation.RELU),
        ("y", Activation.NONE),
    ]


def test_a_relu_is_not_fused_where_the_other_tensor_is_read():
    ops = (conv(INPUT, "c"), relu("c", "r"), Op(OpKind.ADD, ("c", "r"), "y", SPEC))
    assert simplify_block(block(*ops, output="y")).ops == ops
    ops = (conv(INPUT, "c"), relu("c", "r"), conv("r", "d"))
    assert simplify_block(block(*ops, output="c")).ops == ops[:1]


def test_a_relu_of_a_rectified_tensor_is_that_tensor():
    ops = (conv(INPUT, "c", Activation.RELU6), relu("c", "r"), relu("r", "s"))
    simple = simplify_block(block(*ops, output="s"))
    assert simple.ops == ops[:1]
    assert simple.output == "c"


def test_an_illegal_network_is_refused():
    broken = Network("broken", (block(conv("nowhere", "y"), output="y"),))
    with pytest.raises(IllegalNetworkError):
        simplify(broken)


@pytest.mark.parametrize("seed", range(20))
def test_every_cut_keeps_its_value(seed):
    network, weights, _, batch = case(random_network(np.random.default_rng(seed)), seed)
    simple = simplify(network)
    for cut in network.cuts[1:]:
        expected = float_reference.run(network.head(cut), weights, batch)
        np.testing.assert_allclose(float_reference.run(simple.head(cut), weights, batch), expected, atol=1e-9)
