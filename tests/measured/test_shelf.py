"""An import appears whole or not at all, and says where it comes from."""

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nasc_sdk.errors import InputError, StorageError
from nasc_search.measured import shelf as shelves
from nasc_search.measured.npz import load_measurements
from nasc_search.measured.shelf import default_shelf, import_file, shelved
from tests.measured.official import document

CELLS = 15_625


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine_us.npz"
    np.savez(path, pi=np.linspace(1000, 2000, CELLS))
    return path


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    path = tmp_path_factory.mktemp("official") / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(document(np.array), 3))
    return path


@pytest.mark.system
def test_the_official_layout(official, tmp_path):
    done = import_file(official, tmp_path / "shelf")
    names = {file.name for file in done.manifest.files}
    assert names == {
        f"{what}_{quantity}.npz"
        for what in ("nb201_cifar10", "nb201_cifar100", "nb201_imagenet16", "fbnet_layers")
        for quantity in ("latency_ms", "energy_mj")
    }
    assert done.manifest.licence == "MIT"
    assert done.manifest.order_checked
    assert done.manifest.source_sha256 == hashlib.sha256(official.read_bytes()).hexdigest()
    assert len(done.manifest.left_out) == 6
    assert 0 < done.peak_memory_bytes <= 512_000_000
    for file in done.manifest.files:
        assert hashlib.sha256((tmp_path / "shelf" / done.folder / file.name).read_bytes()).hexdigest() == file.sha256
    assert import_file(official, tmp_path / "shelf").already_there
    assert [one.folder for one in shelved(tmp_path / "shelf")] == [done.folder]


def test_a_users_table_is_kept_in_milliseconds(table, tmp_path):
    done = import_file(table, tmp_path / "shelf")
    (file,) = done.manifest.files
    assert (file.name, file.unit, file.rows, file.devices) == ("mine_latency_ms.npz", "ms", CELLS, ("pi",))
    assert done.manifest.licence == "unstated"
    found = load_measurements(tmp_path / "shelf" / done.folder / file.name)
    assert np.allclose(found.devices["pi"], np.linspace(1, 2, CELLS))
    assert import_file(table, tmp_path / "shelf").already_there


def test_a_refused_file_leaves_nothing(table, tmp_path):
    shelf = tmp_path / "shelf"
    for content in (b"", b"nonsense", b"PK\x03\x04nonsense", table.read_bytes()[:-100], pickle.dumps({"a": 1})):
        path = tmp_path / "bad_ms.npz" if content[:1] != b"\x80" else tmp_path / "bad.pickle"
        path.write_bytes(content)
        with pytest.raises(InputError, match="bad"):
            import_file(path, shelf)
        assert not list(shelf.iterdir())
        assert shelved(shelf) == ()


@pytest.mark.parametrize("step", ["_look_at", "write_durably", "_publish", "read_bounded"])
def test_a_failure_at_any_step_leaves_nothing(table, tmp_path, monkeypatch, step):
    def fail(*arguments, **options):
        raise StorageError("disk", "No space left on device", full=True)

    monkeypatch.setattr(shelves, step, fail)
    with pytest.raises(StorageError):
        import_file(table, tmp_path / "shelf")
    monkeypatch.undo()
    assert shelved(tmp_path / "shelf") == ()
    assert not list((tmp_path / "shelf").glob("*")) + list((tmp_path / "shelf").glob(".*"))


@pytest.mark.system
def test_an_import_that_is_killed_is_not_seen(official, tmp_path):
    """Killed at growing delays: no folder, or a whole one; the import then works, and old remains are removed."""
    shelf = tmp_path / "shelf"
    program = (
        "import sys\nfrom pathlib import Path\nfrom nasc_search.measured.shelf import import_file\n"
        "import_file(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    for delay_s in (0.3, 0.5, 0.7, 0.9, 1.1, 1.3):
        command = [sys.executable, "-c", program, str(official), str(shelf)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert all(len(one.manifest.files) == 8 for one in shelved(shelf))
    for part in shelf.glob(".part-*"):
        os.utime(part, (0, 0))
    import_file(official, shelf)
    assert len(shelved(shelf)) == 1


def test_remains_of_killed_imports_go_after_a_day(table, tmp_path):
    shelf = tmp_path / "shelf"
    for name, age_s in (("old", 100_000), ("new", 10)):
        part = shelf / f".part-{name}"
        part.mkdir(parents=True)
        os.utime(part, (time.time() - age_s,) * 2)
    import_file(table, shelf)
    assert [path.name for path in shelf.glob(".part-*")] == [".part-new"]


def test_a_changed_table_is_noticed(table, tmp_path):
    done = import_file(table, tmp_path / "shelf")
    path = tmp_path / "shelf" / done.folder / "mine_latency_ms.npz"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match=r"mine_latency_ms\.npz is not what was imported; remove"):
        shelved(tmp_path / "shelf")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}'])
def test_a_damaged_manifest_is_an_error(table, tmp_path, text):
    done = import_file(table, tmp_path / "shelf")
    path = tmp_path / "shelf" / done.folder / "manifest.json"
    if "format" in text:
        text = json.dumps({**json.loads(path.read_text()), "format": 2})
    path.write_text(text)
    with pytest.raises(InputError, match=r"manifest.*import the file again"):
        shelved(tmp_path / "shelf")


def test_a_manifest_cannot_point_elsewhere(table, tmp_path):
    done = import_file(table, tmp_path / "shelf")
    path = tmp_path / "shelf" / done.folder / "manifest.json"
    path.write_text(path.read_text().replace("mine_latency_ms.npz", "../mine_latency_ms.npz"))
    with pytest.raises(InputError, match="not what was imported"):
        shelved(tmp_path / "shelf")


def test_where_tables_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_shelf() == tmp_path / "nasc-sdk" / "measured"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_shelf() == tmp_path / ".local" / "share" / "nasc-sdk" / "measured"


def test_a_shelf_that_cannot_be_written(table, tmp_path):
    (tmp_path / "shelf").write_text("a file")
    with pytest.raises(StorageError):
        import_file(table, tmp_path / "shelf")
