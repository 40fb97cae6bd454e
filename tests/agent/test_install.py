"""Installing real heads: refusals, restarts, kill -9 at every fault point, a full disk."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.agent import faults
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.bundle import sha256
from nasc_sdk.errors import RefusedError
from tests.agent.heads import contract_of, contracts, head_bundle, installer_at, wrong_golden

ROOT = Path(__file__).parents[2]
OLD, NEW, FALLBACK = (head_bundle(seed).pack() for seed in range(3))
ALL_EDGE = head_bundle(7, cut=0).pack()
OLD_ID, NEW_ID, FALLBACK_ID, ALL_EDGE_ID = map(contract_of, (OLD, NEW, FALLBACK, ALL_EDGE))


@pytest.fixture
def installer(tmp_path):
    installer = installer_at(tmp_path / "state")
    installer.install(1, [OLD])
    return installer


def test_installed_heads_run_and_survive_a_restart(installer, tmp_path):
    heads = installer.install(2, [NEW, ALL_EDGE])
    assert contracts(heads) == (NEW_ID, ALL_EDGE_ID)
    assert heads[1].session is None
    restored = installer_at(tmp_path / "state")
    again = restored.restore()
    assert (restored.version, contracts(again)) == (2, (NEW_ID, ALL_EDGE_ID))
    bundle = again[0].bundle
    given = np.frombuffer(bundle.golden_input, np.int8).reshape(again[0].session.inputs[0].shape)
    wanted = np.frombuffer(bundle.golden_output, np.int8)
    assert np.abs(again[0].session.run(given).ravel().astype(int) - wanted).max() <= 1


def test_the_same_version_is_not_applied_twice(installer):
    (head,) = installer.install(2, [NEW])
    assert installer.install(2, [NEW])[0] is head, "applied again it would be another session"


def test_a_head_that_stays_keeps_its_session(installer):
    (old,) = installer.heads
    assert installer.install(2, [NEW, OLD])[1] is old


@pytest.mark.parametrize(
    ("version", "blobs", "code"),
    [
        (0, [NEW], "stale_version"),
        (1, [NEW], "stale_version"),
        (2, [], "bad_bundle"),
        (2, [NEW[:-1]], "bad_bundle"),
        (2, [b"not a bundle"], "bad_bundle"),
        (2, [NEW, wrong_golden(4).pack()], "golden_mismatch"),
        (2, [head_bundle(5, scale=0.07).pack()], "contract_mismatch"),
        (2, [head_bundle(5, model=b"\0\0\0\0TFL3" + bytes(99), golden_output=b"").pack()], "not_a_model"),
    ],
)
def test_refusals_leave_the_old_head(installer, tmp_path, version, blobs, code):
    with pytest.raises(RefusedError) as caught:
        installer.install(version, blobs)
    assert caught.value.code == code
    assert (installer.version, installer.contracts) == (1, (OLD_ID,))
    assert contracts(installer_at(tmp_path / "state").restore()) == (OLD_ID,)
    assert [path.stem for path in (tmp_path / "state" / "bundles").iterdir()] == [sha256(OLD)]


def test_too_large(tmp_path):
    installer = installer_at(tmp_path, flash_bytes=100)
    with pytest.raises(RefusedError, match="too_large"):
        installer.install(1, [OLD])
    assert installer.restore() == ()


@pytest.mark.parametrize("limits", [{"arena_bytes": 100}, {"flash_bytes": 2 * len(head_bundle(8).model) - 1}])
def test_heads_that_fit_alone_but_not_together(tmp_path, limits):
    blobs = [head_bundle(seed, arena=60).pack() for seed in (8, 9)]
    installer = installer_at(tmp_path, **limits)
    with pytest.raises(RefusedError) as caught:
        installer.install(1, blobs)
    assert caught.value.code == "too_large_together"
    assert installer.restore() == ()
    assert len(installer.install(2, blobs[:1])) == 1
    # What is held and stays counts as well.
    with pytest.raises(RefusedError, match="too_large_together"):
        installer.install(3, blobs)
    assert len(installer.heads) == 1


@pytest.mark.usefixtures("installer")
def test_a_head_that_does_not_give_its_golden_output_gives_way(tmp_path):
    """As after an update of the runtime: the record and the bytes are right, the numbers are not."""
    store = HeadStore(tmp_path / "state")
    store.commit(2, [store.keep(wrong_golden(1).pack())])
    restored = installer_at(tmp_path / "state")
    assert contracts(restored.restore()) == (OLD_ID,)
    assert restored.version == 1


def test_new_models_have_to_fit_beside_the_old_ones(tmp_path):
    size = len(head_bundle(8).model)
    first, second, third, fallback = (head_bundle(seed).pack() for seed in (8, 9, 10, 11))
    installer = installer_at(tmp_path, flash_bytes=3 * size - 1)
    installer.install(1, [first])
    installer.install(2, [second])
    with pytest.raises(RefusedError) as caught:
        installer.install(3, [third, fallback])
    assert caught.value.code == "too_large_beside_old"
    assert contracts(installer_at(tmp_path).restore()) == (contract_of(second),)
    # What stays is counted once; the state before it, which is spare, gives way.
    installer.install(3, [fallback])
    held = []

    def look(heads):
        held.append({path.stem for path in (tmp_path / "bundles").iterdir()})

    assert len(installer.install(4, [third, fallback], look)) == 2
    assert held == [{sha256(third), sha256(fallback)}]
    assert contracts(installer_at(tmp_path).restore()) == (contract_of(third), contract_of(fallback))


# --- kill -9, a full disk -----------------------------------------------------------------------------


def run_installer(directory, *blobs, version=2, store="sound", **environment):
    files = []
    for index, blob in enumerate(blobs):
        files.append(directory / f"{index}.blob")
        files[-1].write_bytes(blob)
    command = [sys.executable, "-m", "tests.agent.installing", directory / "state", store, str(version), *files]
    return subprocess.run(
        list(map(str, command)), cwd=ROOT, env={**os.environ, **environment}, capture_output=True, timeout=60
    )


def restored_after_kill(directory, point, store):
    """Kill an installation at ``point``, restart; what is restored. Fails when it is neither old nor new."""
    installer_at(directory / "state").install(1, [OLD])
    killed = run_installer(directory, NEW, FALLBACK, store=store, **{faults.VARIABLE: point})
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    restored = contracts(installer_at(directory / "state").restore())
    assert restored in ((OLD_ID,), (NEW_ID, FALLBACK_ID)), f"killed at {point}: {restored} is left"
    return restored


def test_killed_after_the_record_it_restores_the_new_heads(tmp_path):
    """Every point, and the agent's whole process: test_deploy_process.py."""
    assert restored_after_kill(tmp_path, faults.RECORD_STORED, "sound") == (NEW_ID, FALLBACK_ID)


def test_the_harness_catches_a_record_written_before_its_bundles(tmp_path):
    with pytest.raises(AssertionError, match="is left"):
        restored_after_kill(tmp_path, faults.RECORD_STORED, "broken")


@pytest.mark.parametrize("limit", [10, len(NEW) - 1])
def test_a_full_disk_leaves_the_old_head(installer, tmp_path, limit):
    done = run_installer(tmp_path, NEW, FALLBACK, FILE_LIMIT=str(limit))
    assert done.returncode == 0, done.stderr.decode()
    said = {"before": [OLD_ID], "after": [OLD_ID], "code": "disk_full", "switched": []}
    assert json.loads(done.stdout) == said
    assert contracts(installer_at(tmp_path / "state").restore()) == (OLD_ID,)
    assert [path.stem for path in (tmp_path / "state" / "bundles").iterdir()] == [sha256(OLD)]


def test_no_room_for_the_record_leads_back_to_the_old_heads(installer, tmp_path):
    """The bundles are on the disk already, and the new order was switched to."""
    installer.install(2, [OLD, FALLBACK])
    done = run_installer(tmp_path, FALLBACK, OLD, version=3, FILE_LIMIT="10")
    assert done.returncode == 0, done.stderr.decode()
    old, new = [OLD_ID, FALLBACK_ID], [FALLBACK_ID, OLD_ID]
    assert json.loads(done.stdout) == {"before": old, "after": old, "code": "disk_full", "switched": [new, old]}
    restored = installer_at(tmp_path / "state")
    assert contracts(restored.restore()) == tuple(old)
    assert restored.version == 2
