"""Artifacts over MQTT: the shelf that answers requests for chunks, and the device's resumable fetch.

A fetch writes into ``<sha256>.part`` and notes the chunks it holds in ``<sha256>.held``; both survive a crash, so the
next fetch goes on. The whole is checked against its digest before it gets its final name.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from nasc_sdk.durable import make_directory
from nasc_sdk.errors import ArtifactError, RemoteProtocolError, StorageError, UnreachableError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.chunks import CHUNK_BYTES
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.protocol.transfer import WINDOW, Download, Upload

MAX_SHELF_BYTES: Final = 512 << 20
_RETRY_S: Final = 0.5
_POLL_S: Final = 0.1
_MAX_REJECTED: Final = 64


class ArtifactShelf:
    """Serves registered bytes to every device of a site, in chunks, by digest."""

    def __init__(self, client: MqttClient, site: str) -> None:
        self._client, self._site = client, site
        self._lock = threading.Lock()
        self._upload = Upload(MAX_SHELF_BYTES)
        client.subscribe(Topics(site, "+").artifact_request("+"), self._on_request)

    def put(self, data: bytes) -> Artifact:
        """Offer bytes; InputError when there is no room for them."""
        with self._lock:
            return self._upload.put(data, pin=True)

    def drop(self, sha256: str) -> None:
        """Offer it no longer."""
        with self._lock:
            self._upload.drop(sha256)

    def _on_request(self, topic: str, payload: bytes) -> None:
        request = decode(ArtifactRequest, payload, topic)
        device = topic.split("/")[3]
        with self._lock:
            chunks = tuple(self._upload.answer(request))
        if not chunks:
            raise RemoteProtocolError(topic, f"{device} asks for chunks that are not offered")
        topics = Topics(self._site, device)
        for index, chunk in chunks:
            self._client.publish(topics.artifact_chunk(request.sha256, index), chunk)


def fetch(
    client: MqttClient, topics: Topics, artifact: Artifact, directory: Path, *, timeout_s: float, max_bytes: int
) -> Path:
    """Download into ``directory`` and return the file, whose name is the digest.

    Raises ArtifactError (too large, not what was announced, or too many damaged chunks), StorageError (the disk
    refuses; nothing is kept), or UnreachableError (time is up; what arrived is kept for the next fetch).
    """
    if artifact.size > max_bytes:
        raise ArtifactError(artifact.sha256, f"{artifact.size} bytes are more than the {max_bytes} this device takes")
    target = make_directory(directory) / artifact.sha256
    if target.exists() and _digest(target) == artifact.sha256:
        return target
    arrived: queue.Queue[bytes] = queue.Queue(4 * WINDOW)
    chunks = topics.artifact_chunk(artifact.sha256, "+")
    partial = _Partial(directory, artifact)
    with client.subscribe(chunks, lambda _, payload: arrived.put(payload, timeout=5.0)), partial.opened() as file:
        deadline = time.monotonic() + timeout_s
        download = Download(
            artifact, time.monotonic(), held=partial.noted(), retry_s=_RETRY_S, give_up_s=timeout_s
        )
        while not download.complete:
            now_s = time.monotonic()
            if now_s > deadline:
                held = f"{download.held} of {download.total} chunks in {timeout_s:.0f} s"
                raise UnreachableError(f"artifact {artifact.sha256[:12]}", held)
            if download.rejected > _MAX_REJECTED:
                raise ArtifactError(artifact.sha256, f"{download.rejected} damaged chunks arrived")
            if client.connected and (request := download.next_request(now_s)) is not None:
                client.publish(topics.artifact_request(artifact.sha256), encode(request))
            try:
                chunk = download.receive(arrived.get(timeout=_POLL_S), time.monotonic())
            except queue.Empty:
                continue
            if chunk is not None:
                partial.store(file, chunk.index, chunk.data)
    return partial.finish(download, target)


class _Partial:
    """The files of a download under way."""

    def __init__(self, directory: Path, artifact: Artifact) -> None:
        self._data = directory / f"{artifact.sha256}.part"
        self._notes = directory / f"{artifact.sha256}.held"

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The data file; a refusal of the disk anywhere inside removes everything and becomes StorageError."""
        try:
            self._data.touch()
            with self._data.open("r+b") as file:
                yield file
        except OSError as error:
            self._remove()
            raise StorageError(str(self._data), error.strerror or str(error)) from error

    def store(self, file: BinaryIO, index: int, data: bytes) -> None:
        """Keep a chunk: the data first, then the note, so that a noted chunk is a stored one after a power cut."""
        file.seek(index * CHUNK_BYTES)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        with self._notes.open("a") as notes:
            notes.write(f"{index}\n")

    def noted(self) -> tuple[int, ...]:
        """Chunks that an earlier fetch stored."""
        try:
            lines = self._notes.read_text().splitlines()
        except OSError:
            return ()
        return tuple(int(line) for line in lines if line.isdecimal())

    def finish(self, download: Download, target: Path) -> Path:
        """Check the whole and give it its name; ArtifactError, with nothing kept, when it is something else."""
        try:
            download.check((self._data.read_bytes(),))
            self._data.replace(target)
        except ArtifactError:
            self._remove()
            raise
        except OSError as error:
            self._remove()
            raise StorageError(str(target), error.strerror or str(error)) from error
        self._notes.unlink(missing_ok=True)
        return target

    def _remove(self) -> None:
        self._data.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
