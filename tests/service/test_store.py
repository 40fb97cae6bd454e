"""The service's memory survives restarts, kills and older versions, and refuses newer ones."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest

from nasc_sdk.errors import InputError, StorageError
from nasc_search.service import store as store_module
from nasc_search.service.store import Store

TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    flag: bool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "service.sqlite"


@pytest.fixture
def store(path):
    opened = Store(path)
    yield opened
    opened.close()


def fill(store):
    store.put("note", "pi", Note("old"))
    store.put("note", "pi", Note("new", 2))
    store.put("note", "edge", Note("edge"))
    store.put_accuracy("w", "arch", 0.5)
    store.put_artifact("a" * 64, b"bytes")
    store.add_deployment("pi", Note("first"))
    store.add_deployment("pi", Note("second"))


def check(store):
    assert store.get("note", "pi", Note) == Note("new", 2)
    assert set(store.devices("note")) == {"pi", "edge"}
    assert store.accuracies("w") == {"arch": 0.5}
    assert store.accuracies("other weights") == {}
    assert store.artifacts() == {"a" * 64: b"bytes"}
    assert store.deployments("pi", Note) == (Note("second"), Note("first"))
    assert store.deployments("pi", Note, 1) == (Note("second"),)


def test_round_trip(store):
    fill(store)
    check(store)
    assert store.get("note", "nobody", Note) is None
    assert store.deployments("nobody", Note) == ()


def test_it_survives_reopening(path):
    first = Store(path)
    fill(first)
    versions = [first.next_version("pi"), first.next_version("pi")]
    first.close()
    second = Store(path)
    check(second)
    assert versions == [1, 2]
    assert second.next_version("pi") == 3
    assert second.next_version("edge") == 1
    second.close()


def test_artifacts_nobody_wants_go(store):
    for name in "abc":
        store.put_artifact(name * 64, name.encode())
    store.keep_artifacts(frozenset({"b" * 64}))
    assert store.artifacts() == {"b" * 64: b"b"}
    store.keep_artifacts(frozenset())
    assert store.artifacts() == {}


def test_history_is_bounded(store):
    for number in range(1010):
        store.add_deployment("pi", Note("", number))
    kept = store.deployments("pi", Note, 2000)
    assert len(kept) == 1000
    assert kept[0].number == 1009


def test_what_another_program_wrote_is_refused(store, path):
    store.put("note", "pi", Other(True))
    store.add_deployment("pi", Other(True))
    with pytest.raises(InputError, match="note of pi cannot be read"):
        store.get("note", "pi", Note)
    with pytest.raises(InputError, match="deployment of pi cannot be read"):
        store.deployments("pi", Note)


def test_an_older_schema_is_migrated(path):
    path.parent.mkdir()
    old = sqlite3.connect(path)
    old.executescript(store_module._MIGRATIONS[0] + "PRAGMA user_version=1;")
    old.execute("INSERT INTO documents VALUES ('note', 'pi', 0, ?)", (b'{"text": "kept"}',))
    old.commit()
    old.close()
    store = Store(path)
    assert store.get("note", "pi", Note) == Note("kept")
    assert store.next_version("pi") == 1
    store.close()
    newest = sqlite3.connect(path)
    assert newest.execute("PRAGMA user_version").fetchone() == (len(store_module._MIGRATIONS),)
    newest.close()


def test_a_newer_schema_is_refused_and_left_alone(path):
    path.parent.mkdir()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(InputError, match="newer nasc-sdk"):
        Store(path)


def test_no_database_is_refused(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but long enough to look at" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Store(path)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Store(tmp_path / "file" / "service.sqlite")
    with pytest.raises(StorageError):
        Store(tmp_path)


def test_a_full_disk_is_said_and_nothing_is_lost(store):
    store.put("note", "pi", Note("before"))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageError, match="full"):
        store.put_artifact("a" * 64, bytes(1 << 20))
    assert store.get("note", "pi", Note) == Note("before")
    assert store.artifacts() == {}


def test_versions_only_grow_whoever_asks(store):
    seen = []

    def ask():
        seen.extend(store.next_version("pi") for _ in range(25))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert sorted(seen) == list(range(1, 101))


WRITER = """
import sys
from pathlib import Path
from nasc_search.service.store import Store
store = Store(Path(sys.argv[1]))
for number in range(10**6):
    store.put("count", "pi", number)
    store.put_artifact(f"{number % 8:064d}", bytes(20000))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_kill_nine_in_the_middle_of_writes(path):
    for stop_at in (3, 40):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            said = next(int(line) for line in child.stdout if int(line) >= stop_at)
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            child.wait(TIMEOUT_S)
        acknowledged = int(rest[-1]) if rest else said
        store = Store(path)
        assert store.get("count", "pi", int) in (acknowledged, acknowledged + 1)
        assert all(len(data) == 20_000 for data in store.artifacts().values())
        assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store.close()


def test_versions_go_on_after_what_a_device_remembers(tmp_path):
    with contextlib.closing(Store(tmp_path / "new.sqlite")) as store:
        assert store.next_version("pi", after=41) == 42
        assert store.next_version("pi") == 43
        assert store.next_version("pi", after=7) == 44
        assert store.next_version("other") == 1
