"""``nasc-sdk map lookup`` on files; the rest goes through a service (tests/service/test_mapping.py)."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.regime.map_file import dump_map
from tests.regime.maps import LOSSY, MAP, hopeless


def words(path, throughput="25", trip="1.5"):
    return ["map", "lookup", str(path), "--throughput-mbit-s", throughput, "--round-trip-ms", trip]


@pytest.fixture
def file(tmp_path):
    (tmp_path / "map.json").write_bytes(dump_map(MAP))
    return tmp_path / "map.json"


def test_the_answer_as_text_and_json(file):
    shown = CliRunner().invoke(cli, words(file))
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[0].startswith("90.00% (+20.00 points by the link)")
    assert shown.output.splitlines()[1] == "keeps 8 ms at p95"
    answer = json.loads(CliRunner().invoke(cli, [*words(file, "25", "99"), "--json"]).output)
    assert answer["regime"]["candidate"]["arch"] == "tiny"
    assert answer["on_map"] is False
    assert "beside the map" in CliRunner().invoke(cli, words(file, "25", "99")).output


def test_a_lookup_with_loss(tmp_path):
    (tmp_path / "map.json").write_bytes(dump_map(LOSSY))

    def shown(loss):
        return CliRunner().invoke(cli, [*words(tmp_path / "map.json", "35"), "--loss", loss]).output

    assert "wide|net" in shown("0")
    assert "slim" in shown("0.001")
    assert "its losses go up to 0.01" in shown("0.05")
    assert "beside" not in shown("0.01")


def test_no_answer_ends_as_an_infeasible_search(tmp_path):
    (tmp_path / "map.json").write_bytes(dump_map(hopeless()))
    result = CliRunner().invoke(cli, words(tmp_path / "map.json", "1"))
    assert isinstance(result.exception, InfeasibleError)


@pytest.mark.parametrize(("throughput", "trip"), [("0", "1"), ("nan", "1"), ("1", "-1")])
def test_links_that_are_none(file, throughput, trip):
    assert CliRunner().invoke(cli, words(file, throughput, trip)).exit_code == 2


def test_files_that_are_none(tmp_path):
    (tmp_path / "map.json").write_text("{}")
    assert isinstance(CliRunner().invoke(cli, words(tmp_path / "map.json")).exception, InputError)
    assert isinstance(CliRunner().invoke(cli, words(tmp_path / "other.json")).exception, InputError)


def test_an_ending_that_is_none_is_refused_before_anybody_is_asked():
    result = CliRunner().invoke(cli, ["map", "--broker", "mqtt://127.0.0.1:9", "--output", "map.gif"])
    assert isinstance(result.exception, InputError)
    assert ".json, .csv, .png" in str(result.exception)


def test_the_verb_in_a_process_of_its_own_loads_no_numpy(file):
    code = (
        f"import sys\nsys.argv = {['nasc-sdk', *words(file)]!r}\nfrom nasc_sdk.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'numpy', 'matplotlib', 'torch', 'nasc_search'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wide|net at cut 1" in done.stdout
