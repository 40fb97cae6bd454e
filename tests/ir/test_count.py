"""Counts against numbers worked out by hand."""

from nasc_sdk.ir.count import flash_bytes, macs, parameters, peak_memory
from nasc_sdk.ir.network import INPUT, Block, BlockKind, Network, Op, OpKind, TensorSpec

IN = TensorSpec(8, 8, 3)
WIDE, HALF = TensorSpec(8, 8, 5), TensorSpec(4, 4, 5)
STEM = Block(
    "stem",
    BlockKind.STEM,
    IN,
    (
        Op(OpKind.CONV, (INPUT,), "c", WIDE, 3, param="c"),
        Op(OpKind.DEPTHWISE, ("c",), "d", HALF, 3, 2, param="d"),
    ),
    "d",
)
CLASSIFIER = Block(
    "classifier",
    BlockKind.CLASSIFIER,
    HALF,
    (
        Op(OpKind.GLOBAL_POOL, (INPUT,), "p", TensorSpec(1, 1, 5)),
        Op(OpKind.DENSE, ("p",), "y", TensorSpec(1, 1, 10), param="f"),
    ),
    "y",
)
NETWORK = Network("hand", (STEM, CLASSIFIER))


def test_macs():
    assert macs(STEM) == 8 * 8 * 5 * 9 * 3 + 4 * 4 * 5 * 9
    assert macs(CLASSIFIER) == 5 * 10
    assert macs(NETWORK) == macs(STEM) + macs(CLASSIFIER)


def test_parameters():
    assert parameters(STEM) == 5 * (9 * 3 + 1) + 5 * (9 + 1)
    assert parameters(CLASSIFIER) == 10 * (5 + 1)


def test_flash_holds_int8_weights_and_int32_biases():
    assert flash_bytes(NETWORK) == (5 * 27 + 5 * 4) + (5 * 9 + 5 * 4) + (10 * 5 + 10 * 4)


def test_peak_is_an_operators_inputs_and_output():
    assert peak_memory(STEM) == max(192 + 320, 320 + 80)
    assert peak_memory(NETWORK) == 512


def test_a_shortcut_keeps_its_tensor_alive():
    ops = (
        Op(OpKind.RELU, (INPUT,), "a", IN),
        Op(OpKind.RELU, ("a",), "b", IN),
        Op(OpKind.ADD, ("b", INPUT), "y", IN),
    )
    assert peak_memory(Block("s", BlockKind.CELL, IN, ops, "y")) == 3 * 192
    assert peak_memory(Block("s", BlockKind.CELL, IN, ops[:2], "b")) == 2 * 192


def test_nothing_needs_no_memory_and_the_identity_its_input():
    assert peak_memory(NETWORK.head(0)) == macs(NETWORK.head(0)) == 0
    assert peak_memory(Block("i", BlockKind.CELL, IN, (), INPUT)) == 192


def test_groups_count_what_they_multiply():
    """4x4x6 to 4x4x4 in two groups: 16 places x 4 channels x 3 inputs, 4 x (3 weights + a bias)."""
    source, spec = TensorSpec(4, 4, 6), TensorSpec(4, 4, 4)
    conv = Op(OpKind.CONV, (INPUT,), "y", spec, param="w", groups=2)
    block = Block("b", BlockKind.CELL, source, (conv,), "y")
    assert (macs(block), parameters(block)) == (192, 16)
