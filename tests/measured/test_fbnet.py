"""Shapes and keys of FBNet's layers, and the official totals."""

import json

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.measured.fbnet import LAYERS, SKIP, fixed_keys, layer_key, layer_shapes, total
from nasc_search.measured.npz import load_measurements
from tests.measured.official import (
    EXACT,
    EXAMPLES,
    LAYER_METRICS,
    LAYER_TABLE,
    SHARED,
    all_keys,
    put_fitting_layers,
    put_known_layers,
)

NEEDS_DATA = pytest.mark.skipif(not EXAMPLES.exists(), reason="shared data not present")


def test_shapes_of_the_small_images():
    shapes = layer_shapes("cifar100")
    assert len(shapes) == LAYERS
    assert [shape.size for shape in shapes] == [32] * 6 + [16] * 4 + [8] * 8 + [4] * 4
    assert [index for index, shape in enumerate(shapes) if shape.stride == 2] == [5, 9, 17]
    assert (shapes[0].inputs, shapes[1].outputs, shapes[-1].inputs, shapes[-1].outputs) == (16, 24, 184, 352)


@NEEDS_DATA
def test_shapes_are_those_of_the_recovered_table():
    layers = json.loads(LAYER_TABLE.read_text())["layers"]
    theirs = [(layer["H_in"], layer["C_in"], layer["C_out"], layer["stride"]) for layer in layers]
    assert theirs == [(shape.size, shape.inputs, shape.outputs, shape.stride) for shape in layer_shapes("cifar100")]


def test_keys_as_the_benchmark_spells_them():
    first, last = layer_shapes("cifar100")[0], layer_shapes("ImageNet")[-1]
    assert layer_key(first, 1) == "ConvBlock_H32_W32_Cin16_Cout16_exp1_kernel3_stride1_group2"
    assert layer_key(last, 7) == "ConvBlock_H7_W7_Cin184_Cout352_exp6_kernel5_stride1_group1"
    assert layer_key(first, SKIP) == "Skip_H32_W32_Cin16_Cout16_stride1"
    assert fixed_keys("ImageNet") == (
        "ConvNorm_H224_W224_Cin3_Cout16_kernel3_stride2_group1",
        "ConvNorm_H7_W7_Cin352_Cout1984_kernel1_stride1_group1",
        "AvgP_H7_W7_Cin1984_Cout1984_kernel7_stride1",
        "FC_Cin1984_Cout1000",
    )


def test_a_total_counts_every_part_once():
    table = dict.fromkeys(all_keys(), 1.0)
    assert total(table, [SKIP] * LAYERS, "cifar100") == LAYERS + 4


@pytest.mark.parametrize("arch", [[], [0] * 21, [0] * 23, [9] * 22, [-1] * 22])
def test_what_is_no_architecture(arch):
    with pytest.raises(InputError, match="no FBNet architecture"):
        total({}, arch, "cifar100")


def test_a_table_without_a_layer_says_which():
    with pytest.raises(InputError, match="no ConvNorm_H32"):
        total({}, [0] * LAYERS, "cifar100")
    with pytest.raises(InputError, match="not on 'cifar10'"):
        total({}, [0] * LAYERS, "cifar10")


@NEEDS_DATA
def test_official_totals_from_the_recovered_tables():
    """The tables were recovered from sums of other architectures. Only what a stem and all skips cost together is."""
    content = {"fbnet": {}}
    put_known_layers(content)
    known = load_measurements(SHARED / "fbnet_cifar100_latency_ms.npz")
    for device in EXACT:
        table = content["fbnet"][f"{device}_latency"]
        for arch, metrics in json.loads(EXAMPLES.read_text())["fbnet"].items():
            official = metrics["cifar100"][f"{device}_latency"]
            assert total(table, json.loads(arch), "cifar100") == pytest.approx(official, abs=1e-9, rel=0)
        sums = [total(table, arch, "cifar100") for arch in known.arch.tolist()]
        assert np.abs(np.array(sums) - known.devices[device]).max() < 1e-9


@NEEDS_DATA
def test_official_totals_of_all_metrics_and_both_data_sets():
    """The tables are made to fit: this holds how keys are shared and summed, not what a single key is worth."""
    content = {"fbnet": {}}
    put_fitting_layers(content)
    for arch, datasets in json.loads(EXAMPLES.read_text())["fbnet"].items():
        for dataset, metrics in datasets.items():
            for name in LAYER_METRICS:
                summed = total(content["fbnet"][name], json.loads(arch), dataset)
                assert summed == pytest.approx(metrics[name], abs=1e-9, rel=0)
