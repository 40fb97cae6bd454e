from dataclasses import replace

import pytest

from nasc_sdk.cost.features import (
    block_features,
    block_key,
    describe_block,
    format_block,
    head_key,
    join_blocks,
    op_key,
    parse_block,
    parse_key,
    parse_op,
)
from nasc_sdk.errors import InputError
from nasc_sdk.ir.count import op_macs
from nasc_sdk.ir.network import INPUT, Block, BlockKind, Op, OpKind, TensorSpec
from nasc_search.export.simplify import simplify
from nasc_search.spaces.nb201 import Macro, NB201Space, format_arch

SPACE = NB201Space(Macro(TensorSpec(8, 8, 3), classes=4, channels=8))
SPEC = TensorSpec(28, 28, 16)


def networks():
    for ops in ((3, 3, 3, 3, 3, 3), (4, 1, 2, 0, 3, 4), (1, 0, 0, 1, 0, 0), (0, 0, 0, 1, 0, 0)):
        yield simplify(SPACE.network(format_arch(ops)))


def test_op_key_reads_as_documented():
    conv = Op(OpKind.CONV, (INPUT,), "y", SPEC, kernel=3, param="w")
    assert op_key(conv, SPEC) == "conv3x3 28x28x16"


def test_a_grouped_operator_has_the_key_of_the_dense_one_that_it_is_exported_as():
    conv = Op(OpKind.CONV, (INPUT,), "y", TensorSpec(14, 14, 16), 1, 2, param="w", groups=2)
    key = op_key(conv, SPEC)
    assert key == op_key(replace(conv, groups=1), SPEC) == "conv1x1/2 28x28x16>14x14x16"
    assert parse_op(key).macs == 2 * op_macs(conv, SPEC)


def test_op_keys_say_macs_and_shapes():
    for network in networks():
        for block, op in network.ops():
            source = block.spec_of(op.inputs[0])
            parsed = parse_op(op_key(op, source))
            assert (parsed.kind, parsed.kernel, parsed.stride) == (op.kind, op.kernel, op.stride)
            assert (parsed.source, parsed.spec) == (source, op.spec)
            if op.param:
                assert parsed.macs == op_macs(op, source)
            assert parsed.macs > 0


def test_block_and_head_keys_round_trip():
    for network in networks():
        keys = tuple(block_key(block) for block in network.blocks)
        for key, block in zip(keys, network.blocks, strict=True):
            kind, features = parse_block(key)
            assert kind == block.kind.value
            assert features == block_features(block)
            assert format_block(kind, features) == key
            assert parse_key(key) == (key,)
        assert parse_key(head_key(network)) == keys
        assert head_key(network.blocks) == head_key(network) == join_blocks(keys)


def test_a_block_in_words():
    assert describe_block("cell|add 7x7x64*2|conv1x1 7x7x64*3|conv3x3 7x7x64*1|relu 7x7x64*1") == (
        "1 conv3x3, 3 conv1x1, 2 add, 1 relu"
    )
    assert describe_block("stem|conv3x3/2 28x28x1>14x14x16*1|conv3x3/2 14x14x16>7x7x16*1") == "2 conv3x3/2"
    assert describe_block("somebody's model") == describe_block("head;stem|relu 7x7x64*1") == ""


def test_repeated_blocks_keep_head_keys_short():
    space = NB201Space(Macro(TensorSpec(28, 28, 1), classes=10, cells_per_stage=5))
    network = simplify(space.network(format_arch((3, 2, 4, 3, 1, 2))))
    key = head_key(network)
    assert len(key) < 1024
    assert parse_key(key) == tuple(block_key(block) for block in network.blocks)


def test_dead_operators_are_no_features():
    relu = Op(OpKind.RELU, (INPUT,), "y", SPEC)
    dead = Op(OpKind.CONV, (INPUT,), "z", SPEC, kernel=3, param="w")
    alive = Block("b", BlockKind.CELL, SPEC, (relu,), "y")
    assert block_key(Block("b", BlockKind.CELL, SPEC, (dead, relu), "y")) == block_key(alive)
    assert block_features(alive) == {"relu 28x28x16": 1}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "head",
        "head;",
        "model of mine.tflite",
        "cell|conv3x3 28x28x16>28x28x16",
        "cell|conv3x3 28x28x16>28x28x16*0",
        "cell|conv3x2 28x28x16>28x28x16*1",
        "cell|teleport 28x28x16>28x28x16*1",
        "cell|relu 28x28x16>28x28x16*1|relu 28x28x16>28x28x16*1",
        "cell|relu 1x1x1*1;cell|relu 1x1x1*1",
        "head;cell|relu 1x1x1*1#0",
        "head;cell|relu 1x1x1*1#9999999999",
        "cell|relu 1x1x1*1#2",
    ],
)
def test_foreign_keys_are_refused(key):
    with pytest.raises(InputError):
        parse_key(key)
