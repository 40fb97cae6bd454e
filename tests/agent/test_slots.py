"""The store's own rules: newest valid record, damage, collection. Bundles are any bytes here."""

import pytest

from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.bundle import sha256
from nasc_sdk.errors import ArtifactError

A, B, C = b"bundle a", b"bundle b", b"bundle c"


def commit(store, version, *blobs):
    return store.commit(version, [store.keep(blob) for blob in blobs])


@pytest.fixture
def store(tmp_path):
    return HeadStore(tmp_path)


def bundles(directory):
    return {path.stem for path in (directory / "bundles").iterdir()}


def test_nothing_is_held_at_first(store):
    assert store.load() is None


def test_the_newest_record_counts_in_order(store, tmp_path):
    commit(store, 1, A)
    commit(store, 2, B, A)
    record = HeadStore(tmp_path).load()
    assert (record.version, record.digests) == (2, (sha256(B), sha256(A)))
    assert [record.version for record in store.records()] == [2, 1]


def test_bundles_that_no_record_names_are_collected(store, tmp_path):
    commit(store, 1, A)
    commit(store, 2, B)
    assert bundles(tmp_path) == {sha256(A), sha256(B)}
    (tmp_path / "bundles" / "left.part").write_bytes(b"x")
    commit(store, 3, C)
    assert bundles(tmp_path) == {sha256(B), sha256(C)}


@pytest.mark.parametrize("damage", [b"", b"{}", b"nonsense", b'{"crc32":1,"record":{"sequence":9}}'])
def test_a_damaged_record_gives_way_to_the_other(store, tmp_path, damage):
    commit(store, 1, A)
    commit(store, 2, B)
    (tmp_path / "record-1.json").write_bytes(damage)
    assert store.load().version == 1


def test_every_flipped_byte_of_a_record_is_seen(store, tmp_path):
    commit(store, 1, A)
    commit(store, 2, B)
    path = tmp_path / "record-1.json"
    data = path.read_bytes()
    for index in range(len(data)):
        path.write_bytes(data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :])
        record = store.load()
        assert (record.version, record.digests) in ((1, (sha256(A),)), (2, (sha256(B),)))


def test_a_damaged_bundle_gives_way_and_its_record_is_overwritten_next(store, tmp_path):
    commit(store, 1, A)
    commit(store, 2, B)
    (tmp_path / "bundles" / f"{sha256(B)}.nascb").write_bytes(b"other")
    assert store.load().version == 1
    commit(store, 3, C)
    assert [record.version for record in store.records()] == [3, 1]


def test_a_damaged_bundle_is_kept_anew(store, tmp_path):
    digest = store.keep(A)
    (tmp_path / "bundles" / f"{digest}.nascb").write_bytes(b"other")
    assert store.read(store.keep(A)) == A


def test_a_bundle_that_is_not_kept_cannot_be_committed(store):
    with pytest.raises(ArtifactError):
        store.commit(1, [sha256(A)])
    assert store.load() is None
