"""``nasc-sdk experiment nasc-vs-hwnas`` as a user calls it."""

import json

import pytest
from click.testing import CliRunner

from nasc_sdk.errors import InputError
from nasc_search.cli.experiment import command
from tests.experiment.worlds import write_layers, write_nb201


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_nb201(tmp_path_factory.mktemp("files"))


def call(folder, *more, board="board"):
    given = [
        "nasc-vs-hwnas", "--space", "nb201", "--accuracy-table", f"{folder}/accuracy.npz:cifar10_test", "--board",
        f"{folder}/devices_ms.npz:{board}", "--server", f"{folder}/devices_ms.npz:server", "--throughputs", "1,20",
        "--round-trips", "2,50", *more,
    ]  # fmt: skip
    return CliRunner().invoke(command, given)


def test_json_on_standard_output_and_progress_beside_it(folder):
    done = call(folder, "--limits-ms", "20,60", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["grid"]["limits_ms"] == [20, 60]
    assert document["board"]["source"].endswith("devices_ms.npz:board")
    assert {"saved", "region", "fronts", "assumptions", "uncertainty", "why"} <= set(document)
    assert "raw-stays, encodings: 1 Mbit/s" in done.stderr


def test_tables_for_people(folder):
    done = call(folder)
    assert done.exit_code == 0, done.output
    assert "hwnas_local" in done.stdout
    assert "- Unknown of the paper" in done.stdout


def test_the_same_files_the_same_document(folder):
    assert call(folder, "--json").stdout == call(folder, "--json").stdout


def test_a_report_in_a_folder(folder, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
    done = call(folder, "--output", str(tmp_path / "report"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "report/why.png").exists()
    assert f"wrote {tmp_path}/report/README.md" in done.stderr


def test_an_unknown_device_is_named(folder):
    done = call(folder, board="tx2")
    assert isinstance(done.exception, InputError)
    assert "'tx2' is not there; it holds board, server" in str(done.exception)
    assert not done.stdout


def test_lists_that_are_none(folder):
    assert call(folder, "--limits-ms", "ten").exit_code == 2


def test_there_is_an_example():
    assert "nasc-sdk experiment nasc-vs-hwnas" in CliRunner().invoke(command, ["nasc-vs-hwnas", "--help"]).output


def test_all_networks_of_fbnets_layers(tmp_path):
    write_layers(tmp_path)
    devices = (f"{tmp_path}/lut.json:{name}" for name in ("board", "server"))
    done = CliRunner().invoke(command, [
        "nasc-vs-hwnas", "--space", "fbnet", "--accuracy-table", f"{tmp_path}/trained.npz", "--board", next(devices),
        "--server", next(devices), "--throughputs", "20", "--round-trips", "4", "--limits-ms", "40",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "9^22 architectures, 9^22 x " in done.stdout
    assert "predicted for made-up supernet fbnet-8x8x1-w0.1, from 60 sub-networks" in done.stdout
    assert "ranked anew" in done.stdout
