"""Files of FBNet's layers: the totals that they make, and what is refused."""

import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.measured.entry import Entry
from nasc_search.measured.layer_table import read_layer_table
from tests.experiment.worlds import layer_file

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data"))


def read(folder, content, device="board"):
    path = folder / "lut.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_layer_table(Entry(path, device))


@pytest.mark.skipif(not SHARED.exists(), reason="shared data not present")
@pytest.mark.parametrize("device", ["raspi4", "pixel3", "fpga"])
def test_the_recovered_table_gives_the_measured_totals(device):
    table = read_layer_table(Entry(SHARED / "fbnet_cifar100_lut.json", device))
    with np.load(SHARED / "fbnet_cifar100_latency_ms.npz") as measured:
        np.testing.assert_allclose(table.total_ms(measured["arch"].astype(int)), measured[device], atol=1e-5)


def test_a_total_is_a_sum_over_layers(tmp_path):
    content = layer_file()
    table, shapes = read(tmp_path, content), [layer["shape_id"] for layer in content["layers"]]
    code = np.arange(22) % 9
    rows = content["devices"]["board"]["rel_ms"]
    expected = 5.0 + sum(rows[shape][op] for shape, op in zip(shapes, code.tolist(), strict=True))
    assert table.total_ms(code[None]) == pytest.approx([expected])


def test_noise_below_zero_is_zero(tmp_path):
    content = layer_file()
    device = content["devices"]["board"]
    device["rel_ms"][0][0], device["intercept_ms"], device["max_abs_residual_ms"] = -0.01, -0.02, 0.05
    table = read(tmp_path, content)
    assert table.constant_ms == table.relative_ms[0, 0] == 0.0


def changed(change):
    content = copy.deepcopy(layer_file())
    change(content, content["devices"]["board"])
    return content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c, d: c["devices"].pop("board"), "no device 'board'; it holds server"),
        (lambda c, d: c["layers"].pop(), "21 layers; FBNet has 22"),
        (lambda c, d: c["layers"][3].update(C_in=20), "layer 3 is .*not FBNet's"),
        (lambda c, d: c["ops"].reverse(), "operators are not FBNet's"),
        (lambda c, d: c.update(unit="us"), "not in 'us'"),
        (lambda c, d: c.pop("layers"), "no table of layer latencies"),
        (lambda c, d: d.pop("intercept_ms"), "no table of layer latencies"),
        (lambda c, d: d["rel_ms"].pop(), "11 rows"),
        (lambda c, d: d["rel_ms"][2].pop(), r"\[8, 9\] values"),
        (lambda c, d: c["layers"][0].update(shape_id=-1), "shape_id"),
        (lambda c, d: d["rel_ms"][2].__setitem__(1, None), "no table of layer latencies"),
        (lambda c, d: d["rel_ms"][2].__setitem__(1, float("nan")), "no table of layer latencies"),
        (lambda c, d: d["rel_ms"][2].__setitem__(1, float("inf")), "no table of layer latencies"),
        (lambda c, d: d["rel_ms"][2].__setitem__(8, 0.5), "relative to skip"),
        (lambda c, d: d["rel_ms"][2].__setitem__(1, -0.5), "-0.5 ms is less than no time"),
        (lambda c, d: d.update(intercept_ms=-3.0), "-3 ms is less than no time"),
    ],
)
def test_files_that_are_refused(tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        read(tmp_path, changed(change))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"devices": {}}', "PK\\x03\\x04"])
def test_what_is_no_table(tmp_path, content):
    with pytest.raises(InputError, match="no table of layer latencies"):
        read(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_layer_table(Entry(tmp_path / "none.json", "board"))
