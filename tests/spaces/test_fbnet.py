"""FBNet: its layers are the benchmark's, at any size."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasc_sdk.cost.features import block_key
from nasc_sdk.errors import InputError
from nasc_sdk.ir.count import macs, op_macs
from nasc_sdk.ir.legal import check_network
from nasc_sdk.ir.network import INPUT, Activation, OpKind, TensorSpec
from nasc_search.measured.fbnet import CHOICES, LAYERS, OPS, SKIP, layer_shapes
from nasc_search.spaces.fbnet import CIFAR, IMAGENET, FBNetMacro, FBNetSpace
from nasc_search.spaces.space import ChoiceSpace, EnumerableSpace, LayeredSpace, listed

MACRO = FBNetMacro(TensorSpec(32, 32, 3), 100)
SPACE = FBNetSpace(MACRO)
LARGE = FBNetSpace(FBNetMacro.of(IMAGENET, TensorSpec(224, 224, 3), 1000))
SMALL = FBNetSpace(FBNetMacro(TensorSpec(14, 10, 1), 4, 0.5, (1, 2, 1, 0, 0, 1, 0)))
EVERY_OP = "012345678" + "8" * 13


@pytest.mark.parametrize(("space", "dataset"), [(SPACE, "cifar100"), (LARGE, "ImageNet")])
def test_the_layers_are_the_benchmarks(space, dataset):
    found = [
        (layer.input.height, layer.input.channels, layer.output.channels, layer.stride) for layer in space.layers
    ]
    assert found == [(shape.size, shape.inputs, shape.outputs, shape.stride) for shape in layer_shapes(dataset)]
    assert len(found) == LAYERS
    assert space.choices == (9,) * LAYERS


@pytest.mark.parametrize(("space", "dataset"), [(SPACE, "cifar100"), (LARGE, "ImageNet")])
@pytest.mark.parametrize("op", range(SKIP))
def test_each_choice_costs_what_the_benchmark_counts(space, dataset, op):
    for index, shape in enumerate(layer_shapes(dataset)):
        assert macs(space.layer(index, op)) == CHOICES[op].macs(shape)


def test_the_parts_that_all_networks_share():
    stem, classifier = SPACE.stem, SPACE.classifier
    assert (stem.output_spec, macs(stem)) == (TensorSpec(32, 32, 16), 32 * 32 * 16 * 9 * 3)
    assert macs(classifier) == 4 * 4 * 352 * 1504 + 1504 * 100
    assert LARGE.stem.output_spec == TensorSpec(112, 112, 16)
    assert LARGE.classifier.input == TensorSpec(7, 7, 352)


def test_an_inverted_residual_op_by_op():
    block = SPACE.layer(2, OPS.index("k5_e1_g2"))
    expand, depthwise, project, add = block.ops
    assert [op.kind for op in block.ops] == [OpKind.CONV, OpKind.DEPTHWISE, OpKind.CONV, OpKind.ADD]
    assert (expand.groups, expand.shuffled, project.groups, project.shuffled) == (2, True, 2, False)
    assert (depthwise.kernel, depthwise.stride, expand.kernel) == (5, 1, 1)
    assert [op.activation for op in block.ops] == [Activation.RELU, Activation.RELU, Activation.NONE, Activation.NONE]
    assert add.inputs == ("projected", INPUT)
    assert all(op.batch_norm for op in block.ops[:3])
    # No residual where the shape changes.
    assert [op.kind for op in SPACE.layer(1, 0).ops] == [OpKind.CONV, OpKind.DEPTHWISE, OpKind.CONV]


def test_skip_is_nothing_or_one_convolution():
    assert SPACE.layer(2, SKIP).ops == ()
    for index in (1, 5, 9):
        (conv,) = SPACE.layer(index, SKIP).ops
        layer = SPACE.layers[index]
        assert (conv.kind, conv.kernel, conv.stride) == (OpKind.CONV, 1, layer.stride)
        assert (conv.activation, conv.batch_norm) == (Activation.RELU, True)
    # The only layers that a network of skips computes are those that change the shape.
    assert sum(len(block.ops) for block in SPACE.network("8" * LAYERS).blocks[1:-1]) == 6


def test_networks_are_legal_and_share_their_cuts():
    rng = np.random.default_rng(0)
    for space in (SPACE, LARGE, SMALL):
        first = space.network(space.sample(rng))
        cuts = [first.cut_spec(cut) for cut in first.cuts]
        assert len(cuts) == len(space.layers) + 3
        for _ in range(20):
            network = check_network(space.network(space.sample(rng)))
            assert [network.cut_spec(cut) for cut in network.cuts] == cuts
            assert all(block == block.without_dead_ops() for block in network.blocks)


def test_covering_archs_hold_every_weight():
    held = {op for arch in SMALL.covering_archs() for _, op in SMALL.network(arch).ops()}
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert {op for _, op in SMALL.network(SMALL.sample(rng)).ops()} <= held


def test_samples_are_uniform():
    rng = np.random.default_rng(2)
    codes = np.array([SMALL.encode(SMALL.sample(rng)) for _ in range(2000)])
    for layer in codes.T:
        counts = Counter(layer.tolist())
        # Nine choices, 222 expected each, standard deviation 14.
        assert all(150 < counts[op] < 300 for op in range(9))


@given(st.lists(st.integers(0, SKIP), min_size=LAYERS, max_size=LAYERS))
@settings(max_examples=50, deadline=None)
def test_code_and_arch_are_the_same_thing(code):
    arch = SPACE.decode(code)
    assert SPACE.encode(arch) == tuple(code)
    assert SPACE.network(arch).arch == arch


@pytest.mark.parametrize(
    "arch", ["", "0" * 21, "0" * 23, "9" * 22, " " * 22, "\u0660" * 22, "\u00b2" * 22, "0" * 21 + "\n", "-" * 22]
)
def test_other_strings_are_refused(arch):
    with pytest.raises(InputError, match="22 digits from 0 to 8"):
        SPACE.network(arch)


@pytest.mark.parametrize("code", [(), (0,) * 21, (9,) * 22, (-1,) * 22])
def test_other_codes_are_refused(code):
    with pytest.raises(InputError, match="22 numbers from 0 to 8"):
        SPACE.decode(code)


def test_width_scales_all_channels_in_fours():
    half = FBNetSpace(replace(MACRO, width=0.5))
    assert [half.layers[index].output.channels for index in (0, 1, 5, 9, 13, 17, 21)] == [8, 12, 16, 32, 56, 92, 176]
    assert half.network(EVERY_OP).blocks[-1].spec_of("wide").channels == 752
    thin = FBNetSpace(replace(MACRO, width=0.01))
    assert {layer.output.channels for layer in thin.layers} == {4}
    check_network(thin.network("1" * LAYERS))


def test_depth_counts_layers_of_the_inner_stages():
    macro = FBNetMacro.of(CIFAR, TensorSpec(28, 28, 1), 10, depth=2)
    assert macro.depth == (1, 2, 2, 2, 2, 2, 1)
    space = FBNetSpace(macro)
    assert len(space.layers) == 12
    assert [layer.output.height for layer in space.layers] == [28, 28, 28, 14, 14, 7, 7, 7, 7, 4, 4, 4]


def test_names_tell_skeletons_apart():
    macros = (
        MACRO, replace(MACRO, width=0.5), replace(MACRO, classes=10), replace(MACRO, stem_stride=2),
        replace(MACRO, header=8), replace(MACRO, depth=(1,) * 7), replace(MACRO, strides=IMAGENET.strides),
        replace(MACRO, input=TensorSpec(32, 30, 3)),
    )  # fmt: skip
    assert len({FBNetSpace(macro).name for macro in macros}) == len(macros)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0.0}, {"width": -1.0}, {"width": float("nan")}, {"width": 9.0}, {"depth": (4,)},
        {"depth": (0,) * 7}, {"depth": (-1, *(4,) * 6)}, {"depth": (99,) * 7}, {"strides": (1,)},
        {"strides": (3,) * 7}, {"stem_stride": 0}, {"classes": 0}, {"header": 0},
    ],
    ids=str,
)  # fmt: skip
def test_other_skeletons_are_refused(wrong):
    with pytest.raises(InputError, match=r"FBNet|width"):
        replace(MACRO, **wrong)


def test_what_it_can_do_is_known():
    assert isinstance(SPACE, LayeredSpace)
    assert isinstance(SPACE, ChoiceSpace)
    assert not isinstance(SPACE, EnumerableSpace)
    with pytest.raises(InputError, match="too many architectures to list"):
        listed(SPACE)


def test_grouped_operators_take_what_dense_ones_do_and_have_the_macs_of_the_benchmark():
    block, dense = (SPACE.layer(2, OPS.index(name)) for name in ("k3_e1_g2", "k3_e1"))
    assert block_key(block) == block_key(dense)
    assert 2 * op_macs(block.ops[0], block.input) == op_macs(dense.ops[0], dense.input) == 32 * 32 * 24 * 24
