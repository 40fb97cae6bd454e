"""Artifacts over MQTT: the shelf that serves them and the fetch that brings one to disk."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasc_sdk.durable import make_directory
from nasc_sdk.errors import (
    ArtifactError,
    RefusedError,
    RemoteProtocolError,
    StoppedError,
    StorageError,
    UnreachableError,
)
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.partial_file import PartialFile
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.protocol.transfer import WINDOW, Download, Upload

SHELF_BYTES: Final = 256 << 20
_ACKNOWLEDGED_S: Final = 10.0
_POLL_S: Final = 0.2
_READ_BYTES: Final = 1 << 20


class ArtifactShelf:
    """Serves registered artifacts to every device of a site; the least recently used that are not pinned make room
    for new ones.
    """  # fmt: skip

    def __init__(self, client: MqttClient, site: str, *, max_bytes: int = SHELF_BYTES) -> None:
        self._client, self._site = client, site
        self._upload = Upload(max_bytes)
        self._lock = threading.Lock()
        self.unknown = 0
        """Requests for artifacts that were not held: they are not answered, as another process may hold them."""
        self._subscription = client.subscribe(Topics(site, "+").artifact_request("+"), self._on_request)

    def put(self, data: bytes, *, pinned: bool = False) -> Artifact:
        """Serve ``data`` from now on, pinned until it is dropped. Raises InputError when there is no room."""
        with self._lock:
            return self._upload.put(data, pinned=pinned)

    def drop(self, sha256: str) -> None:
        """Serve it no longer; harmless when it is not held."""
        with self._lock:
            self._upload.drop(sha256)

    def holds(self, sha256: str) -> bool:
        """Whether it is served."""
        with self._lock:
            return self._upload.holds(sha256)

    def close(self) -> None:
        """Serve nothing any more."""
        self._subscription.close()

    def _on_request(self, topic: str, payload: bytes) -> None:
        request = decode(ArtifactRequest, payload, topic)
        _, _, _, device, _, sha256, _ = topic.split("/")
        if sha256 != request.sha256:
            raise RemoteProtocolError(topic, f"asks for another artifact, {request.sha256[:12]}")
        topics = Topics(self._site, device)
        with self._lock:
            if not self._upload.holds(request.sha256):
                self.unknown += 1
                return
            chunks = [(topics.artifact_chunk(sha256, at), chunk) for at, chunk in self._upload.answer(request)]
        if not chunks:
            return
        for name, chunk in chunks[:-1]:
            self._client.publish(name, chunk)
        # Waiting here bounds what is queued to one request, however many devices ask.
        self._client.publish_and_wait(*chunks[-1], timeout_s=_ACKNOWLEDGED_S)


def fetch(
    client: MqttClient, topics: Topics, artifact: Artifact, directory: Path,
    *, timeout_s: float, max_bytes: int, retry_s: float = 1.0, should_stop: Callable[[], bool] = lambda: False,
) -> Path:  # fmt: skip
    """Download into ``directory``, under the digest as its name; ``topics`` are the fetching device's.

    Continues what an earlier call left, also of an earlier process. Not to be called from a handler.
    Raises RefusedError when it is larger than ``max_bytes``, UnreachableError when no new chunk came for
    ``timeout_s``, ArtifactError when what came is something else, StorageError when the disk is full, StoppedError
    soon after ``should_stop`` returned true; what has come is kept for the next call.
    """
    assert not client.in_handler, "chunks arrive on the thread of handlers: fetch would wait for itself"
    if artifact.size > max_bytes:
        raise RefusedError("too_large", f"artifact {artifact.sha256[:12]} has {artifact.size} bytes, {max_bytes} fit")
    path = make_directory(directory) / artifact.sha256
    if _is_there(path, artifact):
        return path
    with PartialFile(artifact, directory) as partial:
        download = Download(
            artifact, time.monotonic(), held=partial.held(), retry_s=retry_s, give_up_s=timeout_s
        )
        _receive(client, topics, download, partial, should_stop)
        try:
            download.check(partial.data())
        except ArtifactError:
            partial.remove()
            raise
        return partial.install()


def _receive(
    client: MqttClient, topics: Topics, download: Download, partial: PartialFile, should_stop: Callable[[], bool]
) -> None:
    sha256 = download.artifact.sha256
    arrived: queue.Queue[bytes] = queue.Queue(4 * WINDOW)

    def handler(topic: str, payload: bytes) -> None:
        if topic.split("/")[5] != sha256:  # nasc/v1/<site>/<device>/artifact/<sha256>/chunk/<index>
            return
        with contextlib.suppress(queue.Full):  # as if the broker had dropped it: it is asked for again
            arrived.put_nowait(payload)

    # One filter for all artifacts of the device: the embedded broker keeps a log for every filter it ever saw.
    connections = client.connections
    with client.subscribe(topics.artifact_chunk("+", "+"), handler):
        while not download.complete:
            if should_stop():
                raise StoppedError(f"the download of {sha256[:12]} was given up")
            now = time.monotonic()
            if client.connections != connections:
                connections = client.connections
                download.ask_again()
            request = download.next_request(now)
            while request is not None:
                if client.connected:  # else it would wait in the queue, and be outdated when it goes
                    with contextlib.suppress(UnreachableError):
                        client.publish(topics.artifact_request(sha256), encode(request))
                request = download.next_request(now)
            try:
                payload = arrived.get(timeout=min(download.wait_s(now), _POLL_S) + 0.001)
            except queue.Empty:
                continue
            chunk = download.receive(payload, time.monotonic())
            if chunk is not None:
                partial.store(chunk)


def _is_there(path: Path, artifact: Artifact) -> bool:
    """Whether an earlier fetch has installed it."""
    digest = hashlib.sha256()
    try:
        if path.stat().st_size != artifact.size:
            return False
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError.of(path, error) from error
    return digest.hexdigest() == artifact.sha256
