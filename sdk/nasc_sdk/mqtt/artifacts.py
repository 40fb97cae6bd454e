"""Artifacts over MQTT: a shelf that serves them to the devices of a site, and fetching one to disk."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
from pathlib import Path
from typing import Final

from nasc_sdk.errors import ArtifactError, InputError, RefusedError, RemoteProtocolError, UnreachableError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.partial import Partial
from nasc_sdk.protocol.chunks import MAX_ARTIFACT_BYTES
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.protocol.transfer import Download, Upload

_ACKNOWLEDGED_S: Final = 10.0
_WAITING_CHUNKS: Final = 64
_LOOK_AGAIN_S: Final = 0.25


class ArtifactShelf:
    """Serves what is put on it to every device of the site, from memory, as long as the client lives.

    At most ``max_bytes`` are held; the least recently used artifacts make room for new ones.
    """

    def __init__(self, client: MqttClient, site: str, *, max_bytes: int = MAX_ARTIFACT_BYTES) -> None:
        self._client, self._site = client, site
        self._upload = Upload(max_bytes)
        self._lock = threading.Lock()
        client.subscribe(Topics(site, "+").artifact_request("+"), self._on_request)

    def put(self, data: bytes) -> Artifact:
        """Serve these bytes from now on; raises InputError when they are empty or more than the shelf holds."""
        with self._lock:
            return self._upload.put(data)

    def drop(self, sha256: str) -> None:
        """Stop serving an artifact; harmless when it is not held."""
        with self._lock:
            self._upload.drop(sha256)

    def _on_request(self, topic: str, payload: bytes) -> None:
        request = decode(ArtifactRequest, payload, topic)
        _, _, _, device, _, sha256, _ = topic.split("/")
        try:
            topics = Topics(self._site, device)
        except InputError as error:
            raise RemoteProtocolError(topic, str(error)) from error
        if sha256 != request.sha256:
            raise RemoteProtocolError(topic, f"asks for another artifact, {request.sha256[:12]}")
        with self._lock:
            chunks = [
                (topics.artifact_chunk(sha256, index), chunk) for index, chunk in self._upload.answer(request)
            ]
        if not chunks:
            return
        for name, chunk in chunks[:-1]:
            self._client.publish(name, chunk)
        # Waiting here bounds what is queued to one request, however many devices ask.
        self._client.publish_and_wait(*chunks[-1], timeout_s=_ACKNOWLEDGED_S)


def fetch(
    client: MqttClient, topics: Topics, artifact: Artifact, directory: Path, *, timeout_s: float, max_bytes: int
) -> Path:
    """Pull an artifact into ``directory`` and return its file, named by its digest and flushed to the disk.

    What was fetched before, by this process or one that crashed, is not asked for again. Not to be called by a
    handler of ``client``. Raises RefusedError (``too_large``), UnreachableError when the time is up (what came is
    kept), ArtifactError when the bytes are others than announced and StorageError (nothing is kept).
    """
    assert not client.in_handler
    if artifact.size > max_bytes:
        raise RefusedError("too_large", f"an artifact of {artifact.size} bytes, at most {max_bytes} are taken")
    installed = directory / artifact.sha256
    if _is_installed(installed, artifact):
        return installed
    with Partial(directory, artifact) as partial:
        download = Download(artifact, time.monotonic(), held=partial.held, give_up_s=timeout_s)
        if not download.complete:
            _pull(client, topics, download, partial, time.monotonic() + timeout_s)
        try:
            download.check(partial.pieces())
        except ArtifactError:
            partial.discard()
            raise
        return partial.install()


def _pull(client: MqttClient, topics: Topics, download: Download, partial: Partial, deadline: float) -> None:
    """Ask and store until every chunk is held."""
    sha256 = download.artifact.sha256
    arrived: queue.Queue[bytes] = queue.Queue(_WAITING_CHUNKS)

    def receive(topic: str, payload: bytes) -> None:
        # More than a window is waiting: somebody else's repetitions. What is dropped is asked for again.
        with contextlib.suppress(queue.Full):
            arrived.put_nowait(payload)

    with client.subscribe(topics.artifact_chunk(sha256, "+"), receive):
        connections = client.connections
        while not download.complete:
            if client.connections != connections:
                connections = client.connections
                download.ask_again()
            now_s = time.monotonic()
            if now_s >= deadline:
                raise UnreachableError(
                    f"artifact {sha256[:12]}",
                    f"{download.held} of {download.total} chunks came in time; they are kept for a next try",
                )
            # Without a connection requests would only pile up, to be sent all at once.
            while client.connected and (request := download.next_request(now_s)) is not None:
                client.publish(topics.artifact_request(sha256), encode(request))
            wait_s = min(download.wait_s(now_s), _LOOK_AGAIN_S, deadline - now_s)
            with contextlib.suppress(queue.Empty):
                payload = arrived.get(timeout=max(wait_s, 0.01))
                chunk = download.receive(payload, time.monotonic())
                if chunk is not None:
                    partial.write(chunk)


def _is_installed(path: Path, artifact: Artifact) -> bool:
    try:
        if path.stat().st_size != artifact.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256
    except OSError:
        return False
