"""``nasc-sdk cost-model evaluate`` as a user calls it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.errors import InputError
from nasc_search.cli.cost_model import command
from nasc_search.fewshot.known import encode_table, shipped
from nasc_search.measured.npz import SpaceName
from tests.fewshot.devices import draw, every_arch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Measurements of one device in both spaces."""
    folder, rng = tmp_path_factory.mktemp("measured"), np.random.default_rng(0)
    for space, more in ((SpaceName.NB201, {}), (SpaceName.FBNET, {"arch": every_arch(SpaceName.FBNET)})):
        values = draw(rng, space).measure(every_arch(space), rng)
        np.savez(folder / f"{space}_ms.npz", raspi4_new=values, **more)
    return folder


def run(folder, *arguments, file="nb201_ms.npz", device="raspi4_new", draws=2):
    given = ["--measurements", folder / file, "--device", device, "--draws", draws, *arguments]
    return CliRunner().invoke(command, ["evaluate", *map(str, given)])


def test_the_documents_shape(folder):
    done = run(folder, "--samples", 7, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    facts = {name: document[name] for name in ("device", "space", "samples", "draws", "protocol", "sampling", "tested")}
    assert facts == {
        "device": "raspi4_new", "space": "nb201", "samples": 7, "draws": 2,
        "protocol": "help", "sampling": "random", "tested": 800,
    }  # fmt: skip
    assert set(document["ours"]) == {"spearman", "kendall", "mape", "coverage90"}
    assert set(document["baselines"]) == {"flops", "operator_ridge", "layer_sum"}
    for scores in (document["ours"], *document["baselines"].values()):
        for spread in scores.values():
            assert set(spread) == {"mean", "std"}


def test_no_known_device_of_that_name_is_used(folder):
    used = json.loads(run(folder, "--json").stdout)["prior_devices"]
    every = [device.name for device in shipped(SpaceName.NB201).devices]
    assert used == [name for name in every if name != "raspi4"]


def test_the_same_seed_the_same_document(folder):
    one, other, third = (run(folder, "--seed", seed, "--json").stdout for seed in (1, 1, 2))
    assert one == other
    assert one != third


def test_the_table(folder):
    done = run(folder, "--sampling", "active")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == ("raspi4_new (nb201): 10 active samples, 2 draws, 800 architectures to predict (protocol help)")
    assert lines[1].startswith("known devices: 1080ti_1, ")
    assert [line.split()[0] for line in lines[-4:]] == ["ours", "flops", "operator_ridge", "layer_sum"]
    assert lines[-1].endswith(" -")


def test_fbnet_is_seen_in_the_file(folder):
    document = json.loads(run(folder, "--json", file="fbnet_ms.npz").stdout)
    assert (document["space"], document["protocol"], document["tested"]) == ("fbnet", "all", 2000)


def test_known_devices_of_ones_choice(folder, tmp_path):
    named = json.loads(run(folder, "--prior-devices", "fpga,raspi4", "--json").stdout)
    assert named["prior_devices"] == ["fpga", "raspi4"]
    path = tmp_path / "mine.json"
    data = encode_table(shipped(SpaceName.NB201))
    data["devices"] = {"mine": data["devices"]["fpga"]}
    path.write_text(json.dumps(data))
    assert json.loads(run(folder, "--prior", path, "--json").stdout)["prior_devices"] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "tx2"), "no device tx2 in the measurements; they hold raspi4_new"),
        (("--prior-devices", "fpga,tx2"), "no known device tx2"),
        (("--samples", "800"), "800 samples may leave none"),
        (("--space", "fbnet"), "holds measurements of nb201, not of fbnet"),
    ],
)
def test_bad_input(folder, arguments, said):
    done = run(folder, *arguments)
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 3
    assert said in str(done.exception)
    assert not done.stdout


def test_help_protocol_on_layers(folder):
    done = run(folder, "--protocol", "help", file="fbnet_ms.npz")
    assert isinstance(done.exception, InputError)
    assert "use --protocol all" in str(done.exception)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 0.0])
def test_measurements_that_are_no_times(tmp_path, bad):
    values = np.linspace(1, 2, 15_625)
    values[7] = bad
    np.savez(tmp_path / "bad_ms.npz", raspi4_new=values)
    done = run(tmp_path, file="bad_ms.npz")
    assert isinstance(done.exception, InputError)
    assert "not finite or not above 0" in str(done.exception)


def test_a_table_that_is_none(folder, tmp_path):
    path = tmp_path / "t.json"
    whole = json.dumps(encode_table(shipped(SpaceName.FBNET)))
    for text, said in ((whole[:-20], "cannot be read as a table"), ('{"space": "nb201"}', "not a table")):
        path.write_text(text)
        done = run(folder, "--prior", path)
        assert isinstance(done.exception, InputError)
        assert said in str(done.exception)


def test_a_table_of_the_other_space(folder, tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(encode_table(shipped(SpaceName.FBNET))))
    done = run(folder, "--prior", path)
    assert isinstance(done.exception, InputError)
    assert "knows latency_ms in fbnet; latency_ms in nb201 is asked for" in str(done.exception)


@pytest.mark.parametrize("arguments", [("--samples", "2"), ("--draws", "0"), ("--seed", "-1"), ("--sampling", "best")])
def test_wrong_usage(folder, arguments):
    assert run(folder, *arguments).exit_code == 2


def test_there_is_an_example():
    assert "nasc-sdk cost-model evaluate" in CliRunner().invoke(command, ["evaluate", "--help"]).output
