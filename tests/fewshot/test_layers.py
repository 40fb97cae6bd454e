"""FBNet as a sum over layers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.layers import LAYER_BASIS, LAYERS, SHAPES
from nasc_search.measured.fbnet import CHOICES, OPS, SKIP, Choice, LayerShape
from tests.fewshot.devices import FBNET_FILE, with_data

networks = st.lists(st.integers(0, SKIP), min_size=len(LAYERS), max_size=len(LAYERS))


def test_choices_are_those_of_the_measured_tables():
    names = "k3_e1 k3_e1_g2 k3_e3 k3_e6 k5_e1 k5_e1_g2 k5_e3 k5_e6 skip"
    assert " ".join(OPS) == names
    for choice in CHOICES:
        groups = f"_g{choice.groups}" if choice.groups > 1 else ""
        assert choice.name == f"k{choice.kernel}_e{choice.expansion}{groups}"
    assert len(LAYERS) == 22


def test_a_choices_work_by_hand():
    """Side 4, 2 channels to 6, stride 2, kernel 3, expansion 3: 4x4x2x6, 2x2x6x9 and 2x2x6x6."""
    shape = LayerShape(4, 2, 6, 2)
    assert Choice("k3_e3", 3, 3).macs(shape) == 192 + 216 + 144
    assert Choice("k3_e3_g2", 3, 3, 2).macs(shape) == 96 + 216 + 72


@given(networks)
def test_features_count_choices_by_shape(network):
    arch = np.array([network])
    row = LAYER_BASIS.features(arch, Reach.EVERY)[0]
    assert row.shape == (len(LAYER_BASIS.names),)
    assert row[0] == 1
    assert row[1:].sum() == sum(op != SKIP for op in network)
    named = dict(zip(LAYER_BASIS.names, row.tolist(), strict=True))
    for shape, op in zip(LAYERS, network, strict=True):
        if op != SKIP:
            where = f"{shape.size}x{shape.size}x{shape.inputs}>{shape.outputs}/{shape.stride}"
            assert named[f"{CHOICES[op].name} {where}"] >= 1
    macs = sum(CHOICES[op].macs(shape) for shape, op in zip(LAYERS, network, strict=True) if op != SKIP)
    assert LAYER_BASIS.macs(arch)[0] == pytest.approx(macs)


def test_work_is_relative_to_the_mean_network():
    arch = np.random.default_rng(0).integers(0, SKIP + 1, (4000, len(LAYERS)))
    relative = LAYER_BASIS.features(arch, Reach.EVERY) @ LAYER_BASIS.work
    assert relative.mean() == pytest.approx(1, rel=0.02)


def test_lengths_agree():
    assert len(LAYER_BASIS.names) == len(LAYER_BASIS.spread) == len(LAYER_BASIS.work) == 1 + len(SHAPES) * len(CHOICES)
    assert LAYER_BASIS.reaches == {Reach.EVERY: 1.0}


def test_operators_are_counted_by_kind():
    arch = np.full((1, len(LAYERS)), SKIP)
    arch[0, :3] = (0, 0, 7)
    assert LAYER_BASIS.operators(arch)[0].tolist() == [2, 0, 0, 0, 0, 0, 0, 1]


@with_data
@pytest.mark.parametrize("device", ["raspi4", "pixel3", "fpga"])
def test_a_device_whose_figures_are_sums_is_explained_wholly(device):
    """HW-NAS-Bench's FBNet figures are sums over its table of layers: what is left is rounding."""
    with np.load(FBNET_FILE) as data:
        arch, values = data["arch"].astype(np.int64), data[device]
    features = LAYER_BASIS.features(arch, Reach.EVERY)
    times, *_ = np.linalg.lstsq(features, values, rcond=None)
    assert np.abs(features @ times - values).max() < 0.01 * values.mean()
