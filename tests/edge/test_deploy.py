"""The deployer pulls, refuses, retries, and keeps old tails through their grace; artifacts are in a dict."""

import threading
import time

import pytest

from nasc_edge.deploy import Deployer
from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.bundle import sha256
from nasc_sdk.errors import ArtifactError, StorageError, UnreachableError
from nasc_sdk.protocol.messages import Artifact, DeployDesired, DeployStatus
from nasc_sdk.runtime.select import open_runtime
from tests.edge.bundles import tail_bundle

BUNDLES = {sha256(data): data for data in (tail_bundle(seed=seed).pack() for seed in range(3))}
FIRST, SECOND, THIRD = (Artifact(digest, len(data)) for digest, data in BUNDLES.items())


class Bench:
    """A deployer whose downloads and reports the test sees."""

    def __init__(self, directory, grace_s=0.0):
        self.store = TailStore(directory / "tails", load_litert(open_runtime(), check=False))
        self.fetched, self.reports, self.failures = [], [], []
        self.bundles = dict(BUNDLES)
        self.seen = threading.Condition()
        self.deployer = Deployer(
            self.store, "edge", directory / "pulled", self.fetch, self.report, grace_s=grace_s, retry_s=0.01
        )

    def fetch(self, artifact, directory):
        self.fetched.append(artifact.sha256)
        if self.failures:
            raise self.failures.pop(0)
        path = directory / artifact.sha256
        path.write_bytes(self.bundles[artifact.sha256])
        return path

    def report(self, reported):
        with self.seen:
            self.reports.append(reported)
            self.seen.notify()

    def desire(self, version, *artifacts):
        """Desire, and wait for the verdict."""
        self.deployer.desire(DeployDesired(version=version, bundles=artifacts))

        def verdict():
            last = self.reports[-1] if self.reports else None
            return last and last.version == version and last.status is not DeployStatus.PULLING

        with self.seen:
            assert self.seen.wait_for(verdict, 20)
            return self.reports[-1]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.deployer.close()


def test_installs_and_reports(bench):
    reported = bench.desire(1, FIRST, SECOND)
    assert reported.status is DeployStatus.ACTIVE
    assert set(reported.contracts) == set(bench.store.contracts)
    assert len(reported.contracts) == 2
    assert [r.status for r in bench.reports] == [DeployStatus.PULLING, DeployStatus.ACTIVE]


def test_the_same_again_is_answered_without_pulling(bench):
    bench.desire(1, FIRST)
    bench.reports.clear()
    assert bench.desire(1, FIRST).status is DeployStatus.ACTIVE
    assert len(bench.fetched) == 1


def test_an_older_version_is_ignored(bench):
    bench.desire(5, FIRST)
    bench.deployer.desire(DeployDesired(version=4, bundles=(SECOND,)))
    assert bench.desire(6, FIRST, THIRD).status is DeployStatus.ACTIVE
    assert SECOND.sha256 not in bench.fetched


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ArtifactError("0" * 64, "other bytes"), "digest_mismatch"),
        (StorageError("x", "No space left", full=True), "disk_full"),
        (StorageError("x", "Read-only file system"), "storage_failed"),
    ],
)
def test_failures_are_reported_and_the_old_tail_stays(bench, error, code):
    held = bench.desire(1, FIRST).contracts
    bench.failures.append(error)
    reported = bench.desire(2, SECOND)
    assert (reported.status, reported.code) == (DeployStatus.REFUSED, code)
    assert reported.contracts == bench.store.contracts == held
    assert bench.desire(3, SECOND).status is DeployStatus.ACTIVE


def test_a_bundle_that_is_none_is_refused(bench):
    bench.bundles[SECOND.sha256] = b"not a bundle"
    assert bench.desire(1, SECOND).code == "bad_bundle"


def test_an_unreachable_sender_is_asked_again(bench):
    bench.failures += [UnreachableError("broker", "restarting")] * 3
    assert bench.desire(1, FIRST).status is DeployStatus.ACTIVE
    assert len(bench.fetched) == 4


def test_a_newer_version_replaces_one_that_cannot_be_pulled(bench):
    bench.failures += [UnreachableError("broker", "gone")]
    bench.deployer.desire(DeployDesired(version=1, bundles=(FIRST,)))
    assert bench.desire(2, SECOND).status is DeployStatus.ACTIVE
    assert bench.fetched.count(FIRST.sha256) <= 1


def test_old_tails_go_after_their_grace(tmp_path):
    bench = Bench(tmp_path, grace_s=0.05)
    try:
        (old,) = bench.desire(1, FIRST).contracts
        (new,) = bench.desire(2, SECOND).contracts
        deadline = time.monotonic() + 10
        while bench.store.get(old) is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert bench.store.contracts == (new,)
    finally:
        bench.deployer.close()


def test_old_tails_stay_during_their_grace(tmp_path):
    bench = Bench(tmp_path, grace_s=60.0)
    try:
        (old,) = bench.desire(1, FIRST).contracts
        bench.desire(2, SECOND)
        assert bench.store.get(old) is not None
    finally:
        bench.deployer.close()


def test_a_tail_that_is_wanted_again_stays(tmp_path):
    bench = Bench(tmp_path, grace_s=1.0)
    try:
        bench.desire(1, FIRST)
        bench.desire(2, SECOND)
        contracts = bench.desire(3, FIRST, SECOND).contracts
        time.sleep(1.3)
        bench.desire(4, FIRST, SECOND)
        assert set(bench.store.contracts) == set(contracts)
        assert len(bench.fetched) == 2
    finally:
        bench.deployer.close()


def test_nothing_is_left_behind(bench, tmp_path):
    bench.desire(1, FIRST)
    bench.desire(2, SECOND)
    assert list((tmp_path / "pulled").iterdir()) == []
