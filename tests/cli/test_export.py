import json

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.bundle import Manifest, sha256
from nasc_sdk.candidate import INT8, Candidate, CutEncoding
from nasc_sdk.cli.main import cli
from nasc_sdk.errors import InputError
from nasc_search.data.registry import load_dataset
from nasc_search.export.forms import Form
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.export import export_candidate
from nasc_search.service.workshop import open_workshop

CELL = "|nor_conv_1x1~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "split"
    split = ["--arch", CELL, "--cut", "9", "--bits", "2", "--bottleneck", "8"]
    asked = ["export", *split, "--output", str(folder), "--json"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    return folder, json.loads(done.stdout)


def test_the_head_gives_the_output_beside_it(exported):
    folder, told = exported
    assert told["files"] == sorted(path.name for path in folder.iterdir())
    model = ["--model", str(folder / "head.tflite"), "--kernels", "reference", "--input", str(folder / "input.npy")]
    done = CliRunner().invoke(cli, ["infer", *model, "--output", str(folder.parent / "y.npy")])
    assert done.exit_code == 0, done.output
    wanted = np.load(folder / "output.npy")
    assert wanted.dtype == np.int8
    assert np.array_equal(np.load(folder.parent / "y.npy"), wanted)
    assert told["payload_bytes"] == wanted.size * 2 // 8
    assert told["accuracy"] > 0.7


def test_both_manifests_are_under_one_contract(exported):
    folder, told = exported
    both = msgspec.json.decode((folder / "contract.json").read_bytes(), type=dict[str, Manifest])
    assert both["head"].contract == both["tail"].contract
    for side, manifest in both.items():
        model = (folder / f"{side}.tflite").read_bytes()
        assert manifest.model_sha256 == sha256(model)
        assert told[f"{side}_bytes"] == len(model)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    cache = tmp_path_factory.mktemp("workshop")
    return open_workshop(open_pretrained(None, cache), load_dataset("fashion-mnist", None), cache)


@pytest.mark.parametrize(
    ("arch", "cut", "encoding", "expected"),
    [
        (CELL, 0, INT8, "cut 0 has no head"),
        (CELL, 99, INT8, r"outside 0\.\.10"),
        (CELL, 5, CutEncoding(2, 3), "bottlenecks 2, 4, 8 channels"),
        (CELL, 5, CutEncoding(3), "bits are 8, 4, 2"),
        ("nonsense", 5, INT8, "nonsense"),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_is_written(workshop, tmp_path, arch, cut, encoding, expected):
    with pytest.raises(InputError, match=expected):
        export_candidate(workshop, Candidate(arch, cut, encoding), Form.BUILTIN, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_a_network_that_is_all_on_the_board_has_no_tail_nor_leaves_an_earlier_one(workshop, tmp_path):
    (tmp_path / "tail.tflite").write_bytes(b"of another candidate")
    done = export_candidate(workshop, Candidate(CELL, 10), Form.XNNPACK, tmp_path)
    assert sorted(done.files) == sorted(path.name for path in tmp_path.iterdir())
    assert "tail.tflite" not in done.files
    assert done.payload_bytes == np.load(tmp_path / "output.npy").size == 10


def test_cut_0_is_told_before_anything_is_opened():
    assert CliRunner().invoke(cli, ["export", "--cut", "0", "--output", "split"]).exit_code == 2
