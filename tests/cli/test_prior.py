"""``nasc-sdk prior``: importing and listing as a user does it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.errors import InputError
from nasc_search.cli.prior import command


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine_ms.npz"
    np.savez(path, pi=np.linspace(1, 2, 15_625))
    return path


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=True)


def test_import_then_list(table, tmp_path):
    shelf = tmp_path / "shelf"
    assert "nothing was imported" in run("list", "--into", shelf).output
    done = run("import", table, "--into", shelf)
    assert done.exit_code == 0, done.output
    assert "mine_latency_ms.npz: 15625 rows, pi (ms)" in done.output
    assert "was there already" in run("import", table, "--into", shelf).output
    listed = run("list", "--into", shelf).output
    assert "mine_latency_ms.npz" in listed
    document = json.loads(run("list", "--into", shelf, "--json").output)
    assert document[0]["manifest"]["source_sha256"][:12] in listed


def test_import_answers_in_json(table, tmp_path):
    document = json.loads(run("import", table, "--into", tmp_path / "shelf", "--json").output)
    assert document["manifest"]["files"][0]["devices"] == ["pi"]
    assert not document["already_there"]


def test_the_default_is_per_user(table, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert run("import", table).exit_code == 0
    assert "mine_latency_ms.npz" in run("list").output
    assert (tmp_path / "data" / "nasc-sdk" / "measured").is_dir()


def test_a_hostile_file_is_bad_input(tmp_path):
    path = tmp_path / "bad.pickle"
    path.write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    done = run("import", path, "--into", tmp_path / "shelf")
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 3
    assert "bad.pickle: byte 0: it names 'posix.system'" in str(done.exception)


@pytest.mark.parametrize("verb", ["import", "list"])
def test_each_verb_has_an_example(verb):
    assert f"nasc-sdk prior {verb}" in run(verb, "--help").output.split("Example", 1)[1]
