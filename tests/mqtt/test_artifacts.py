"""Artifacts over both brokers: restarts, crashes, lies, full disks, and what is left on the disk after each."""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nasc_sdk.errors import ArtifactError, RefusedError, StoppedError, StorageError, UnreachableError
from nasc_sdk.mqtt import partial_file
from nasc_sdk.mqtt.artifacts import ArtifactShelf, fetch
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.partial_file import PartialFile
from nasc_sdk.protocol.chunks import CHUNK_BYTES, Chunk, encode
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest
from nasc_sdk.protocol.messages import encode as encode_message
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.protocol.transfer import Upload
from tests.mqtt.brokers import TIMEOUT_S, Inbox, broker, wait_for
from tests.support.disks import file_size_limit

DATA = random.Random(5).randbytes(20 * CHUNK_BYTES + 99)
SHA = hashlib.sha256(DATA).hexdigest()
ARTIFACT = Artifact(SHA, len(DATA))
TOPICS = Topics("lab", "board")
MANY = 1 << 30
ROOT = Path(__file__).parents[2]


def pull(client, directory, artifact=ARTIFACT, *, timeout_s=TIMEOUT_S, max_bytes=MANY):
    return fetch(client, TOPICS, artifact, directory, timeout_s=timeout_s, max_bytes=max_bytes, retry_s=0.3)


def chunk(index, data=DATA, sha256=SHA):
    upload = Upload()
    upload.put(data)
    request = ArtifactRequest(sha256=hashlib.sha256(data).hexdigest(), first=index, count=1)
    return next(upload.answer(request))[1]


def hold(directory, indices):
    """What an earlier attempt left."""
    with PartialFile(ARTIFACT, directory) as partial:
        for index in indices:
            start = index * CHUNK_BYTES
            partial.store(Chunk(SHA, index, 21, len(DATA), DATA[start : start + CHUNK_BYTES]))


class Source:
    """Answers requests its own way; counts which chunks were asked for."""

    def __init__(self, client, answer):
        self.client, self.answer, self.asked = client, answer, []
        client.subscribe(TOPICS.artifact_request("+"), self._on_request)

    def _on_request(self, topic, payload):
        from nasc_sdk.protocol.messages import decode

        request = decode(ArtifactRequest, payload, topic)
        for index in range(request.first, request.first + request.count):
            self.asked.append(index)
            for made in self.answer(index):
                self.client.publish(TOPICS.artifact_chunk(SHA, index), made)


@pytest.fixture
def server(running):
    with MqttClient(running.url, "server") as client:
        yield client


@pytest.fixture
def device(running):
    with MqttClient(running.url, "device") as client:
        client.connect(TIMEOUT_S)
        yield client


@pytest.mark.parametrize("size", [1, CHUNK_BYTES, CHUNK_BYTES + 1, len(DATA)])
def test_fetch(server, device, tmp_path, size):
    shelf = ArtifactShelf(server, "lab")
    server.connect(TIMEOUT_S)
    artifact = shelf.put(DATA[:size])
    path = pull(device, tmp_path / "new", artifact)
    assert path == tmp_path / "new" / artifact.sha256
    assert path.read_bytes() == DATA[:size]
    assert [entry.name for entry in path.parent.iterdir()] == [artifact.sha256]


def test_what_is_there_is_not_fetched_again_and_what_is_wrong_is(server, device, tmp_path):
    shelf = ArtifactShelf(server, "lab")
    path = tmp_path / SHA
    path.write_bytes(DATA)
    assert pull(device, tmp_path, timeout_s=0.1) == path
    path.write_bytes(DATA[:-1] + b"x")
    server.connect(TIMEOUT_S)
    shelf.put(DATA)
    assert pull(device, tmp_path).read_bytes() == DATA


def test_several_at_once_by_several_devices(running, server, tmp_path):
    shelf = ArtifactShelf(server, "lab")
    server.connect(TIMEOUT_S)
    artifacts = [shelf.put(DATA[start:]) for start in range(3)]

    def run(number):
        with MqttClient(running.url, f"device-{number}") as client:
            client.connect(TIMEOUT_S)
            inner = [threading.Thread(target=pull, args=(client, tmp_path / str(number), one)) for one in artifacts]
            for thread in inner:
                thread.start()
            for thread in inner:
                thread.join(TIMEOUT_S)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    for number in range(3):
        assert sorted(path.name for path in (tmp_path / str(number)).iterdir()) == sorted(a.sha256 for a in artifacts)


def test_a_lossy_and_lying_source(server, device, tmp_path):
    rng = random.Random(7)

    def answer(index):
        right = chunk(index)
        wrong = [right[:-1], b"", encode(Chunk(SHA, 0, 1, 5, b"wrong")), chunk(0, DATA[1:])]
        return rng.sample([right, right, *wrong], 3)

    source = Source(server, answer)
    server.connect(TIMEOUT_S)
    assert pull(device, tmp_path).read_bytes() == DATA
    assert len(source.asked) > 21


def test_other_bytes_than_announced(server, device, tmp_path):
    evil = DATA[:-1] + bytes([DATA[-1] ^ 1])
    last = Chunk(SHA, 20, 21, len(DATA), evil[20 * CHUNK_BYTES :])
    Source(server, lambda index: [encode(last) if index == 20 else chunk(index)])
    server.connect(TIMEOUT_S)
    with pytest.raises(ArtifactError):
        pull(device, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_large_is_refused_before_a_chunk_is_asked_for(server, device, tmp_path):
    source = Source(server, lambda index: [chunk(index)])
    server.connect(TIMEOUT_S)
    with pytest.raises(RefusedError, match="too_large"):
        pull(device, tmp_path, max_bytes=len(DATA) - 1)
    assert source.asked == []
    assert list(tmp_path.iterdir()) == []


def test_nobody_has_it(server, device, tmp_path):
    shelf = ArtifactShelf(server, "lab")
    server.connect(TIMEOUT_S)
    with pytest.raises(UnreachableError, match="0 of 21"):
        pull(device, tmp_path, timeout_s=0.5)
    wait_for(lambda: shelf.unknown)
    shelf.put(DATA)
    assert pull(device, tmp_path).read_bytes() == DATA


def test_only_what_is_missing_is_asked_for_after_a_crash(server, device, tmp_path):
    hold(tmp_path, [0, 1, 7, 20])
    source = Source(server, lambda index: [chunk(index)])
    server.connect(TIMEOUT_S)
    assert pull(device, tmp_path).read_bytes() == DATA
    assert set(source.asked) == set(range(21)) - {0, 1, 7, 20}


def test_what_a_crash_damaged_is_asked_for_again(server, device, tmp_path):
    hold(tmp_path, range(21))
    part = tmp_path / f"{SHA}.part"
    with part.open("r+b") as file:
        file.seek(3 * CHUNK_BYTES + 5)
        file.write(b"\0\0")  # data of chunk 3
        file.seek(len(DATA) + 9 * 8)
        file.write(bytes(8))  # the slot of chunk 9
    source = Source(server, lambda index: [chunk(index)])
    server.connect(TIMEOUT_S)
    assert pull(device, tmp_path).read_bytes() == DATA
    assert set(source.asked) == {3, 9}


@pytest.mark.parametrize("length", [0, 5, CHUNK_BYTES + 3, len(DATA), len(DATA) + 13])
def test_any_length_of_the_partial_file(server, device, tmp_path, length):
    hold(tmp_path, range(21))
    os.truncate(tmp_path / f"{SHA}.part", length)
    ArtifactShelf(server, "lab").put(DATA)
    server.connect(TIMEOUT_S)
    assert pull(device, tmp_path).read_bytes() == DATA


def test_a_broker_restarted_in_the_middle(kind, tmp_path):
    """Killed with half of it on the disk: goes on from there once the broker is back."""
    with broker(kind, tmp_path / "one") as first, contextlib.ExitStack() as stack:
        server = stack.enter_context(MqttClient(first.url, "server"))
        device = stack.enter_context(MqttClient(first.url, "device"))
        half, killed = threading.Event(), threading.Event()

        def answer(index):
            if index >= 10 and not killed.is_set():
                half.set()
                return []
            return [chunk(index)]

        source = Source(server, answer)
        server.connect(TIMEOUT_S)
        device.connect(TIMEOUT_S)
        paths = []
        fetching = threading.Thread(target=lambda: paths.append(pull(device, tmp_path / "device")))
        fetching.start()
        part = tmp_path / "device" / f"{SHA}.part"
        assert half.wait(TIMEOUT_S)
        wait_for(lambda: part.exists() and _held(part) == 10)
        first.kill()
        wait_for(lambda: not device.connected and not server.connected)
        killed.set()
        source.asked.clear()
        with broker(kind, tmp_path / "two", first.port):
            fetching.join(TIMEOUT_S)
            assert not fetching.is_alive()
            assert paths[0].read_bytes() == DATA
            assert min(source.asked) == 10
            stack.close()


def _held(part):
    """Chunks in a partial file that is being written: slots that are not empty."""
    slots = part.read_bytes()[len(DATA) :]
    return sum(any(slots[at : at + 8]) for at in range(0, len(slots), 8))


def test_a_device_killed_in_the_middle(running, server, tmp_path):
    """kill -9 of the fetching process; the next one asks for the rest only."""
    gate = threading.Event()
    source = Source(server, lambda index: [chunk(index)] if index < 10 or gate.is_set() else [])
    server.connect(TIMEOUT_S)
    program = (
        "import sys; from pathlib import Path; from nasc_sdk.mqtt.artifacts import fetch\n"
        "from nasc_sdk.mqtt.client import MqttClient; from nasc_sdk.protocol.messages import Artifact\n"
        "from nasc_sdk.protocol.topics import Topics\n"
        "url, directory, sha256, size = sys.argv[1:]\n"
        "client = MqttClient(url, 'victim'); client.connect()\n"
        "fetch(client, Topics('lab', 'board'), Artifact(sha256, int(size)), Path(directory), timeout_s=60,\n"
        "      max_bytes=1 << 30)"
    )
    command = [sys.executable, "-c", program, running.url, str(tmp_path), SHA, str(len(DATA))]
    part = tmp_path / f"{SHA}.part"
    with subprocess.Popen(command) as victim:
        wait_for(lambda: part.exists() and _held(part) == 10)
        victim.send_signal(signal.SIGKILL)
        victim.wait(TIMEOUT_S)
    gate.set()
    source.asked.clear()
    with MqttClient(running.url, "device") as device:
        device.connect(TIMEOUT_S)
        assert pull(device, tmp_path).read_bytes() == DATA
    assert min(source.asked) == 10


def test_a_full_disk_leaves_nothing(server, device, tmp_path):
    source = Source(server, lambda index: [chunk(index)])
    server.connect(TIMEOUT_S)
    with file_size_limit(5 * CHUNK_BYTES), pytest.raises(StorageError, match="File too large") as caught:
        pull(device, tmp_path)
    assert caught.value.full
    assert list(tmp_path.iterdir()) == []
    assert source.asked == [], "the room was asked for first"
    assert pull(device, tmp_path).read_bytes() == DATA


def test_a_disk_that_fills_up_on_the_way_leaves_nothing(server, device, tmp_path):
    """As where the room that was reserved is not there after all."""
    with contextlib.ExitStack() as limit:

        def answer(index):
            if index == 5:
                limit.enter_context(file_size_limit(5 * CHUNK_BYTES))
            return [chunk(index)]

        Source(server, answer)
        server.connect(TIMEOUT_S)
        with pytest.raises(StorageError, match="File too large") as caught:
            pull(device, tmp_path)
    assert caught.value.full
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_one(device, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        pull(device, tmp_path / "file")
    assert not caught.value.full


def test_two_processes_on_one_file(device, tmp_path):
    with PartialFile(ARTIFACT, tmp_path), pytest.raises(StorageError, match="another process"):
        pull(device, tmp_path)
    assert (tmp_path / f"{SHA}.part").exists()


def test_partial_files_nobody_came_back_for_are_removed(tmp_path):
    stale, fresh = tmp_path / "stale.part", tmp_path / "fresh.part"
    stale.touch()
    fresh.touch()
    long_ago = time.time() - partial_file.STALE_S - 60
    os.utime(stale, (long_ago, long_ago))
    with PartialFile(ARTIFACT, tmp_path):
        assert not stale.exists()
        assert fresh.exists()


def test_bad_requests_are_counted_and_answered_by_nothing(server, device):
    shelf = ArtifactShelf(server, "lab")
    server.connect(TIMEOUT_S)
    shelf.put(DATA)
    inbox = Inbox(device, TOPICS.artifact_chunk("+", "+"))
    good = encode_message(ArtifactRequest(sha256=SHA, first=0, count=1))
    for topic, payload in (
        (TOPICS.artifact_request(SHA), b"nonsense"),
        (TOPICS.artifact_request(SHA), good[:-1]),
        (TOPICS.artifact_request("0" * 64), good),
        (f"nasc/v1/lab/a b/artifact/{SHA}/request", good),
    ):
        device.publish(topic, payload)
    wait_for(lambda: server.failures == 4)
    device.publish(TOPICS.artifact_request(SHA), good)
    inbox.wait(len)
    assert [topic for topic, _ in inbox.messages] == [TOPICS.artifact_chunk(SHA, 0)]


def test_a_shelf_that_closed_or_dropped_serves_nothing(server, device, tmp_path):
    shelf = ArtifactShelf(server, "lab")
    server.connect(TIMEOUT_S)
    artifact = shelf.put(DATA)
    assert shelf.holds(artifact.sha256)
    shelf.drop(artifact.sha256)
    assert not shelf.holds(artifact.sha256)
    with pytest.raises(UnreachableError):
        pull(device, tmp_path, timeout_s=0.3)
    shelf.put(DATA)
    shelf.close()
    with pytest.raises(UnreachableError):
        pull(device, tmp_path, timeout_s=0.3)


def test_a_download_that_is_given_up_ends_at_once_and_goes_on_later(server, device, tmp_path):
    """Whoever ends the process does not wait for a sender that is gone."""
    started = time.monotonic()
    with pytest.raises(StoppedError):
        fetch(
            device, TOPICS, Artifact("ab" * 32, 10_000), tmp_path,
            timeout_s=TIMEOUT_S, max_bytes=10**6, should_stop=lambda: time.monotonic() - started > 0.3,
        )  # fmt: skip
    assert time.monotonic() - started < TIMEOUT_S / 2
