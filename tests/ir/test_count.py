"""Counts against numbers worked out by hand."""

from nasc_sdk.ir.count import macs, parameters
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


def test_groups_count_what_they_multiply():
    """4x4x6 to 4x4x4 in two groups: 16 places x 4 channels x 3 inputs, 4 x (3 weights + a bias)."""
    source, spec = TensorSpec(4, 4, 6), TensorSpec(4, 4, 4)
    conv = Op(OpKind.CONV, (INPUT,), "y", spec, param="w", groups=2)
    block = Block("b", BlockKind.CELL, source, (conv,), "y")
    assert (macs(block), parameters(block)) == (192, 16)
