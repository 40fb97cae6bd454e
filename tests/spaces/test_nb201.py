"""The NAS-Bench-201 space: all cells, their names, their networks."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import IllegalNetworkError, InputError
from nasc_sdk.ir.legal import check_network
from nasc_sdk.ir.network import OpKind, TensorSpec
from nasc_search.spaces.nb201 import EdgeOp, Macro, NB201Space, format_arch, is_connected, parse_arch

SPACE = NB201Space(Macro(TensorSpec(8, 8, 1), classes=4, channels=4, cells_per_stage=1))
EVERY = tuple(itertools.product(range(5), repeat=6))
BENCHMARK = Path(__file__).parents[3] / "shared" / "data" / "nb201_accuracy.npz"
RESNET = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def test_how_many_cells_are_connected():
    assert len(EVERY) == 15_625
    assert len(SPACE.archs) == len(set(SPACE.archs)) == 15_284


def test_names_and_operators_are_the_same_thing():
    for ops in EVERY:
        assert parse_arch(format_arch(ops)) == ops


def test_the_benchmarks_own_spelling():
    assert format_arch((3, 0, 3, 1, 0, 1)) == RESNET


@pytest.mark.parametrize(
    "arch",
    [
        "", "resnet18", RESNET[:-5], RESNET + "+|none~0|", RESNET.replace("~2", "~1"), RESNET.strip("|"),
        RESNET.replace("nor_conv_3x3", "nor_conv_5x5"), RESNET.replace("~0", "~00"), f" {RESNET}", f"|{RESNET}",
        "|none~x|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)  # fmt: skip
def test_other_strings_are_refused(arch):
    with pytest.raises(InputError, match="no NAS-Bench-201 cell"):
        parse_arch(arch)


def test_a_disconnected_cell_is_no_candidate():
    arch = format_arch((3, 0, 0, 0, 0, 3))
    assert arch not in SPACE.archs
    with pytest.raises(InputError, match="no path"):
        SPACE.network(arch)


def test_edges_are_in_the_order_of_the_benchmarks_file():
    """A cell without a path learns nothing: ten percent on ten classes. Another order of edges would not match."""
    if not BENCHMARK.exists():
        pytest.skip("shared data not present")
    with np.load(BENCHMARK) as data:
        ops, names, accuracy = data["ops"], data["op_names"].tolist(), data["cifar10_test_200"]
    assert names == [format_arch((op,) * 6).split("~")[0].strip("|") for op in EdgeOp]
    connected = np.asarray([is_connected(row) for row in ops.tolist()])
    assert np.abs(accuracy[~connected] - 10).max() < 0.1
    assert (accuracy[connected] > 15).mean() > 0.99
    by_source = np.asarray([is_connected(row) for row in ops[:, [0, 1, 3, 2, 4, 5]].tolist()])
    assert accuracy[~by_source].max() > 80


def test_networks_are_legal_and_share_their_cuts():
    rng = np.random.default_rng(0)
    first = SPACE.network(SPACE.archs[0])
    cuts = [first.cut_spec(cut) for cut in first.cuts]
    for _ in range(300):
        network = check_network(SPACE.network(SPACE.sample(rng)))
        assert [network.cut_spec(cut) for cut in network.cuts] == cuts
        assert [block.name for block in network.blocks] == [block.name for block in first.blocks]
        assert all(block == block.without_dead_ops() for block in network.blocks)


def test_covering_archs_hold_every_weight():
    held = {op.param for arch in SPACE.covering_archs() for _, op in SPACE.network(arch).ops()}
    rng = np.random.default_rng(1)
    for _ in range(300):
        assert {op.param for _, op in SPACE.network(SPACE.sample(rng)).ops()} <= held


def test_the_skeleton():
    network = NB201Space(Macro(TensorSpec(32, 32, 3), 10, 16, 5)).network(RESNET)
    assert len(network.blocks) == 1 + 3 * 5 + 2 + 1
    assert network.input == TensorSpec(32, 32, 3)
    assert network.output == TensorSpec(1, 1, 10)
    assert network.cut_spec(1) == TensorSpec(32, 32, 16)
    assert network.cut_spec(len(network.blocks) - 1) == TensorSpec(8, 8, 64)


def test_the_stem_may_have_a_stride():
    network = NB201Space(Macro(TensorSpec(32, 32, 3), 10, 16, 1, stem_stride=2)).network(RESNET)
    assert network.cut_spec(1) == TensorSpec(16, 16, 16)


def test_a_cells_operators():
    """3x3 to node 1; node 1 by 3x3 to node 2; node 3 is input plus node 2."""
    cell = SPACE.network(RESNET).blocks[1]
    assert [op.kind for op in cell.ops] == [OpKind.RELU, OpKind.CONV, OpKind.RELU, OpKind.CONV, OpKind.ADD]


@pytest.mark.parametrize("size", [TensorSpec(6, 8, 1), TensorSpec(8, 9, 1), TensorSpec(8, 8, 0)])
def test_sizes_that_cannot_be_halved_are_refused(size):
    with pytest.raises((InputError, IllegalNetworkError)):
        NB201Space(Macro(size, classes=4)).network(RESNET)


def test_names_tell_spaces_apart():
    other = NB201Space(Macro(TensorSpec(8, 8, 1), classes=4, channels=4, cells_per_stage=2))
    assert SPACE.name != other.name
    assert SPACE.encode(RESNET) == (3, 0, 3, 1, 0, 1)
