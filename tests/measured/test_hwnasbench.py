"""What of HW-NAS-Bench's layout is kept, and that it is what the file says."""

import json

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.measured.fbnet import total
from nasc_search.measured.hwnasbench import keep, load_layer_table, write_tables
from nasc_search.measured.npz import Quantity, SpaceName, load_measurements
from tests.measured.official import DATASETS, EXAMPLES, METRICS, document, put_examples, put_known_layers

NEEDS_DATA = pytest.mark.skipif(not EXAMPLES.exists(), reason="shared data not present")
FILES = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16"}


@pytest.fixture
def content():
    return document()


def test_every_metric_is_kept_or_named(content, tmp_path):
    kept = keep(content)
    assert kept.order_checked
    assert set(kept.cells) == {(dataset, quantity) for dataset in DATASETS for quantity in Quantity}
    assert len(kept.left_out) == 2 * len(DATASETS)
    assert all("arithmetic_intensity" in line or "config" in line for line in kept.left_out)
    write_tables(kept, tmp_path)
    found = load_measurements(tmp_path / "nb201_cifar100_energy_mj.npz")
    assert (found.space, found.quantity) == (SpaceName.NB201, Quantity.ENERGY_MJ)
    assert set(found.devices) == {"edgegpu", "eyeriss", "fpga"}
    for dataset, word in FILES.items():
        found = load_measurements(tmp_path / f"nb201_{word}_latency_ms.npz")
        for device, values in found.devices.items():
            assert values.tolist() == content["nasbench201"][dataset][f"{device}_latency"]


def test_layer_tables_come_back(content, tmp_path):
    write_tables(keep(content), tmp_path)
    tables = load_layer_table(tmp_path / "fbnet_layers_latency_ms.npz")
    assert set(tables) == {"edgegpu", "raspi4", "pixel3", "eyeriss", "fpga"}
    assert tables["raspi4"] == content["fbnet"]["raspi4_latency"]


def test_devices_may_know_different_layers(content, tmp_path):
    dropped = next(iter(content["fbnet"]["fpga_energy"]))
    del content["fbnet"]["fpga_energy"][dropped]
    write_tables(keep(content), tmp_path)
    tables = load_layer_table(tmp_path / "fbnet_layers_energy_mj.npz")
    assert dropped not in tables["fpga"]
    assert dropped in tables["edgegpu"]


@NEEDS_DATA
def test_the_official_values(content, tmp_path):
    examples = put_examples(content)
    put_known_layers(content)
    write_tables(keep(content), tmp_path)
    for dataset, word in FILES.items():
        for quantity, ending in ((Quantity.LATENCY_MS, "latency"), (Quantity.ENERGY_MJ, "energy")):
            found = load_measurements(tmp_path / f"nb201_{word}_{quantity}.npz")
            assert {f"{device}_{ending}" for device in found.devices} == {name for name in METRICS if ending in name}
            for device, values in found.devices.items():
                official = [examples[str(cell)][dataset][f"{device}_{ending}"] for cell in range(3)]
                assert np.abs(values[:3] - official).max() <= 1e-9
    tables = load_layer_table(tmp_path / "fbnet_layers_latency_ms.npz")
    for arch, metrics in json.loads(EXAMPLES.read_text())["fbnet"].items():
        for device in ("raspi4", "pixel3", "fpga"):
            official = metrics["cifar100"][f"{device}_latency"]
            assert total(tables[device], json.loads(arch), "cifar100") == pytest.approx(official, abs=1e-9, rel=0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1.0] * 15_624, "not 15625 numbers"),
        ([1.0] * 15_624 + [0.0], "1 values are not finite or not above 0, the first is that of 15624"),
        ([float("nan")] + [1.0] * 15_624, "the first is that of 0"),
        (["fast"] * 15_625, "not 15625 numbers"),
        ("fast", "not 15625 numbers"),
        (None, "not 15625 numbers"),
        (dict.fromkeys(range(1, 15_626), 1.0), "not 15625 numbers"),
    ],
)
def test_a_metric_that_cannot_be_used_is_left_out(content, value, words):
    content["nasbench201"]["cifar10"]["fpga_latency"] = value
    kept = keep(content)
    assert "fpga" not in kept.cells["cifar10", Quantity.LATENCY_MS]
    assert any("fpga_latency" in line and words in line for line in kept.left_out)


def test_values_may_be_a_dictionary_by_index(content):
    metrics = content["nasbench201"]["cifar10"]
    expected = metrics["fpga_latency"]
    metrics["fpga_latency"] = dict(enumerate(expected))
    metrics["config"] = dict(enumerate(metrics["config"]))
    kept = keep(content)
    assert kept.cells["cifar10", Quantity.LATENCY_MS]["fpga"].tolist() == expected
    assert kept.order_checked


@pytest.mark.parametrize("change", [{"FC_Cin1_Cout1": -1.0}, {"FC_Cin1_Cout1": "x"}, {"../../x": 1.0}, {3: 1.0}])
def test_a_layer_table_that_cannot_be_used_is_left_out(content, change):
    content["fbnet"]["fpga_latency"].update(change)
    kept = keep(content)
    assert "fpga" not in kept.layers[Quantity.LATENCY_MS]
    assert any("fbnet, fpga_latency" in line for line in kept.left_out)


def test_strangers_are_named_and_not_kept(content):
    content["nasbench201"]["svhn"] = {}
    content["nasbench201"]["cifar10"]["phone_latency"] = [1.0] * 15_625
    content["darts"] = {}
    lines = "\n".join(keep(content).left_out)
    assert "'svhn'" in lines
    assert "'phone_latency'" in lines
    assert "'darts'" in lines


def test_another_order_of_cells_is_refused(content):
    config = content["nasbench201"]["cifar10"]["config"]
    config[4], config[5] = config[5], config[4]
    with pytest.raises(InputError, match=r"cell 4 is .* in NAS-Bench-201 it is another"):
        keep(content)


def test_without_spelled_cells_the_order_is_taken_on_trust(content):
    for metrics in content["nasbench201"].values():
        del metrics["config"]
    assert not keep(content).order_checked


@pytest.mark.parametrize("value", [None, [], {}, {"a": 1}, {"nasbench201": []}, {"fbnet": 3}, {"nasbench201": {}}])
def test_another_file_is_refused(value):
    with pytest.raises(InputError, match=r"HW-NAS-Bench|no metric"):
        keep(value)
