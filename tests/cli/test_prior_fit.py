"""``nasc-sdk prior fit`` as a user calls it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.errors import InputError
from nasc_search.cli import cost_model, prior
from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.known import read_table
from nasc_search.measured.npz import Quantity, SpaceName
from tests.fewshot.devices import draw

TIMEOUT_S = 60


def names_of(devices):
    return ", ".join(device.name for device in devices)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files of 600 cells each, three devices."""
    folder, rng = tmp_path_factory.mktemp("measured"), np.random.default_rng(0)
    index = rng.choice(15_625, 600, replace=False)

    def of(reach):
        return draw(rng, reach=reach).measure(index, rng)

    np.savez(folder / "a_ms.npz", index=index, first=of(Reach.EVERY), gold_1=of(Reach.CONVERTED))
    np.savez(folder / "b_us.npz", index=index, third=of(Reach.EVERY) * 1000)
    return folder / "a_ms.npz", folder / "b_us.npz"


def run(*arguments):
    return CliRunner().invoke(prior.command, ["fit", *map(str, arguments)])


def test_a_table_is_written_and_said(files, tmp_path):
    output = tmp_path / "mine.json"
    done = run("--measurements", files[0], "--measurements", files[1], "--output", output)
    assert done.exit_code == 0, done.output
    assert f"3 devices written to {output}" in done.output
    table = read_table(output)
    assert (table.space, table.quantity) == (SpaceName.NB201, Quantity.LATENCY_MS)
    assert (table.origin, table.licence) == ("the user's measurements", "unknown")
    assert names_of(table.devices) == "first, gold_1, third"
    # Microseconds were turned into the others' milliseconds.
    means = [device.mean for device in table.devices]
    assert max(means) < 3 * min(means)
    row = next(line for line in done.output.splitlines() if line.startswith("gold_1"))
    assert "server processor" in row
    assert row.endswith("converted")


def test_the_same_files_the_same_bytes(files, tmp_path):
    for name in ("one", "two"):
        assert run("--measurements", files[0], "--output", tmp_path / name).exit_code == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_some_devices_renamed_with_their_origin(files, tmp_path):
    output = tmp_path / "mine.json"
    done = run(
        "--measurements", files[0], "--device", "first=pi", "--origin", "us", "--licence", "MIT", "--output", output,
        "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["output"] == str(output)
    assert document["quantity"] == "latency_ms"
    assert [(device["device"], device["reach"]) for device in document["devices"]] == [("pi", "every")]
    table = read_table(output)
    assert (table.origin, table.licence, names_of(table.devices)) == ("us", "MIT", "pi")


def test_what_was_fitted_predicts_another_device(files, tmp_path):
    output = tmp_path / "mine.json"
    assert run("--measurements", files[0], "--output", output).exit_code == 0
    given = ["--measurements", files[1], "--device", "third", "--prior", output, "--protocol", "all", "--json"]
    done = CliRunner().invoke(cost_model.command, ["evaluate", "--draws", "2", *map(str, given)])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["prior_devices"] == ["first", "gold_1"]
    assert document["ours"]["spearman"]["mean"] > 0.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "tx2"), "no device tx2 in the files"),
        (("--device", "first=x", "--device", "gold_1=x"), "device x"),
        (("--measurements",), "device first comes twice"),
    ],
)
def test_bad_input_writes_nothing(files, tmp_path, arguments, said):
    output = tmp_path / "mine.json"
    more = (*arguments, files[0]) if arguments[-1] == "--measurements" else arguments
    done = run("--measurements", files[0], *more, "--output", output)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
    assert not output.exists()


def test_too_few_measurements(tmp_path):
    np.savez(tmp_path / "few_ms.npz", index=np.arange(100), pi=np.linspace(1, 2, 100))
    done = run("--measurements", tmp_path / "few_ms.npz", "--output", tmp_path / "mine.json")
    assert isinstance(done.exception, InputError)
    assert "pi: 100 measurements; a known device takes at least" in str(done.exception)


def test_the_command_in_the_table_names_no_folder(files, tmp_path):
    """A whole process: the table quotes the line that made it."""
    output = tmp_path / "mine.json"
    line = [sys.executable, "-m", "nasc_sdk", "prior", "fit", "--measurements", str(files[0]), "--output", str(output)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert read_table(output).command == "nasc-sdk prior fit --measurements a_ms.npz"


def test_there_is_an_example():
    assert "nasc-sdk prior fit" in run("--help").output
