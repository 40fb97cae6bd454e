"""Transfers without a broker: lossy, shuffling, repeating and lying ways between Upload and Download."""

import hashlib
import random

import pytest

from nasc_sdk.errors import ArtifactError, InputError, UnreachableError
from nasc_sdk.protocol.chunks import CHUNK_BYTES, Chunk, encode
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest
from nasc_sdk.protocol.transfer import WINDOW, Download, Upload

DATA = random.Random(3).randbytes(40 * CHUNK_BYTES + 17)


def requests(download, now_s):
    asked = []
    while (request := download.next_request(now_s)) is not None:
        asked.append(request)
    return asked


def indices(asked):
    return [index for request in asked for index in range(request.first, request.first + request.count)]


def run(download, upload, *, loss=0.0, seed=0, held=None, most_s=1000.0):
    """Exchange until complete over a way that loses, repeats and shuffles; what came, by index."""
    rng, now_s, came = random.Random(seed), 0.0, dict(held or {})
    while not download.complete and now_s < most_s:
        way = [chunk for request in requests(download, now_s) for _, chunk in upload.answer(request)]
        way = [chunk for chunk in way if rng.random() >= loss]
        way += rng.choices(way, k=len(way) // 3) if way else []
        rng.shuffle(way)
        for payload in way:
            chunk = download.receive(payload, now_s)
            if chunk is not None:
                assert chunk.index not in came
                came[chunk.index] = chunk.data
        now_s += max(download.wait_s(now_s), 0.01)
    return came


@pytest.fixture
def upload():
    return Upload()


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, len(DATA)])
def test_sizes(upload, size):
    artifact = upload.put(DATA[:size])
    download = Download(artifact, 0.0)
    came = run(download, upload)
    download.check(came[index] for index in range(download.total))
    assert download.held == download.total
    assert requests(download, 0.0) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_lossy_shuffling_repeating_way(upload, seed):
    download = Download(upload.put(DATA), 0.0)
    came = run(download, upload, loss=0.4, seed=seed)
    download.check(came[index] for index in range(download.total))
    assert download.repeated


def test_no_more_than_a_window_is_on_its_way(upload):
    download = Download(upload.put(DATA), 0.0)
    first = indices(requests(download, 0.0))
    assert first == list(range(WINDOW))
    for request in (ArtifactRequest(sha256=download.artifact.sha256, first=0, count=WINDOW // 2 - 1),):
        for _, payload in upload.answer(request):
            assert download.receive(payload, 0.0)
    assert requests(download, 0.0) == []
    ((_, payload),) = upload.answer(
        ArtifactRequest(sha256=download.artifact.sha256, first=WINDOW - 1, count=1)
    )
    assert download.receive(payload, 0.0)
    assert indices(requests(download, 0.0)) == list(range(WINDOW, WINDOW + WINDOW // 2))


def test_only_what_is_missing_is_asked_for(upload):
    artifact = upload.put(DATA)
    held = {3, 4, 10, 40}
    download = Download(artifact, 0.0, held=held, window=64)
    assert sorted(indices(requests(download, 0.0))) == [index for index in range(41) if index not in held]
    assert download.held == 4


def test_everything_is_held_already(upload):
    download = Download(upload.put(DATA), 0.0, held=range(41))
    assert download.complete
    assert requests(download, 0.0) == []


def test_silence_is_asked_again_ever_more_slowly_and_ends(upload):
    download = Download(upload.put(DATA), 0.0, retry_s=1.0, give_up_s=60.0)
    now_s, asked_s = 0.0, []
    while now_s < 60.0:
        if requests(download, now_s):
            asked_s.append(now_s)
        now_s += max(download.wait_s(now_s), 0.01)
    with pytest.raises(UnreachableError, match="0 of 41"):
        download.next_request(now_s)
    assert now_s < 60.1
    assert len(asked_s) <= 12
    assert asked_s[:4] == pytest.approx([0, 1, 3, 7], abs=0.1)


def test_a_slow_way_is_not_asked_again(upload):
    """Bytes that come one by one in 0.9 s each are progress, though a window takes longer than a retry."""
    download = Download(upload.put(DATA[: 8 * CHUNK_BYTES]), 0.0, retry_s=1.0, give_up_s=5.0)
    asked = requests(download, 0.0)
    now_s = 0.0
    for request in asked:
        for _, payload in upload.answer(request):
            now_s += 0.9
            assert requests(download, now_s) == []
            assert download.receive(payload, now_s)
    assert download.complete


def test_after_a_lost_connection_all_missing_is_asked_at_once(upload):
    download = Download(upload.put(DATA), 0.0)
    requests(download, 0.0)
    download.ask_again()
    assert indices(requests(download, 0.0)) == list(range(WINDOW))


def test_wrong_chunks_change_nothing(upload):
    artifact = upload.put(DATA[:CHUNK_BYTES])
    other = upload.put(DATA[1 : CHUNK_BYTES + 1])
    download = Download(artifact, 0.0)
    ((_, wrong),) = upload.answer(ArtifactRequest(sha256=other.sha256, first=0, count=1))
    ((_, right),) = upload.answer(ArtifactRequest(sha256=artifact.sha256, first=0, count=1))
    longer = encode(Chunk(artifact.sha256, 0, 2, CHUNK_BYTES + 1, DATA[:CHUNK_BYTES]))
    for payload in (wrong, longer, right[:-1], right[:-1] + bytes([right[-1] ^ 1]), b"", b"NC"):
        assert download.receive(payload, 0.0) is None
    assert (download.rejected, download.held) == (6, 0)
    assert download.receive(right, 0.0).data == DATA[:CHUNK_BYTES]
    assert download.receive(right, 0.0) is None
    assert download.repeated == 1


def test_the_digest_has_the_last_word(upload):
    artifact = Artifact(hashlib.sha256(b"good").hexdigest(), 4)
    download = Download(artifact, 0.0)
    assert download.receive(encode(Chunk(artifact.sha256, 0, 1, 4, b"evil")), 0.0)
    with pytest.raises(ArtifactError):
        download.check([b"evil"])
    with pytest.raises(ArtifactError, match="3 bytes"):
        download.check([b"goo"])
    download.check([b"go", b"od"])


def test_the_sender_knows_only_what_it_holds(upload):
    artifact = upload.put(DATA)
    assert list(upload.answer(ArtifactRequest(sha256="0" * 64, first=0, count=9))) == []
    assert list(upload.answer(ArtifactRequest(sha256=artifact.sha256, first=41, count=9))) == []
    assert [
        index for index, _ in upload.answer(ArtifactRequest(sha256=artifact.sha256, first=39, count=64))
    ] == [39, 40]
    upload.drop(artifact.sha256)
    upload.drop(artifact.sha256)
    assert list(upload.answer(ArtifactRequest(sha256=artifact.sha256, first=0, count=1))) == []


def test_the_least_recently_used_make_room():
    upload = Upload(max_bytes=250)
    a, b = upload.put(b"a" * 100), upload.put(b"b" * 100)
    assert list(upload.answer(ArtifactRequest(sha256=a.sha256, first=0, count=1)))
    c = upload.put(b"c" * 100)
    assert [upload.holds(one.sha256) for one in (a, b, c)] == [True, False, True]
    assert upload.put(b"a" * 100) == a
    assert upload.size == 200
    with pytest.raises(InputError):
        upload.put(b"d" * 251)
    assert upload.size == 200
    with pytest.raises(InputError):
        upload.put(b"")


def test_pinned_ones_make_no_room_and_need_none():
    upload = Upload(max_bytes=250)
    a = upload.put(b"a" * 100)
    pinned = [upload.put(letter * 200, pinned=True) for letter in (b"p", b"q")]
    assert upload.put(b"a" * 100, pinned=True) == a
    assert upload.size == 0
    others = [upload.put(letter * 100) for letter in (b"b", b"c", b"d")]
    assert [upload.holds(one.sha256) for one in (a, *pinned, *others)] == [True, True, True, False, True, True]
    # Put again it is not unpinned.
    upload.put(b"a" * 100)
    upload.put(b"e" * 250)
    assert upload.holds(a.sha256)
    for one in (a, *pinned):
        assert list(upload.answer(ArtifactRequest(sha256=one.sha256, first=0, count=1)))
        upload.drop(one.sha256)
        assert not upload.holds(one.sha256)
