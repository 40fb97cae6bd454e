"""Answers ProfileRequests over MQTT, the same way on a board and on the edge server.

A request is answered once: results are kept on disk by ``request_id``, so that asking again, also after a
restart, gives the same answer without measuring again. Failures are not kept: asking again then tries again.
Measuring runs in the thread of the responder, one request at a time: two would disturb each other. A request that is
cancelled is answered with the code ``cancelled``, at its next call of progress or when its turn comes.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import (
    ArtifactError,
    InputError,
    NascError,
    RemoteProtocolError,
    StoppedError,
    StorageError,
    UnreachableError,
)
from nasc_sdk.mqtt.artifacts import fetch
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.plan import MAX_PLAN_BYTES, ProfilePlan, unpack
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import (
    ProfileCancel,
    ProfileProgress,
    ProfileRequest,
    ProfileResult,
    decode,
    encode,
)
from nasc_sdk.protocol.topics import Topics

Progress = Callable[[int, int, str], None]
"""Called with done, total and a label."""
Run = Callable[[ProfilePlan, ProfileRequest, Progress], Profile]

KEPT_RESULTS: Final = 16
MAX_WAITING: Final = 4
FETCH_TIMEOUT_S: Final = 60.0
_PROGRESS_INTERVAL_S: Final = 0.1
UNREADABLE: Final = "unreadable"
"""request_id of the answer to a request whose own cannot be read."""

_log = logging.getLogger(__name__)


class ProfileResponder:
    """Subscribes to profile requests of ``topics`` and answers each with the profile that ``run`` measures.

    ``directory`` holds results and the fetched plan. :meth:`close` ends the thread after the running
    measurement, or at its next progress call.
    """

    def __init__(
        self,
        client: MqttClient,
        topics: Topics,
        device: str,
        directory: Path,
        run: Run,
        *,
        fetch_timeout_s: float = FETCH_TIMEOUT_S,
    ) -> None:
        self._client, self._topics, self._device = client, topics, device
        self._results = make_directory(directory / "results")
        self._plans = make_directory(directory / "plans")
        self._run = run
        self._fetch_timeout_s = fetch_timeout_s
        self._waiting: queue.Queue[ProfileRequest | None] = queue.Queue(MAX_WAITING)
        self._known: set[str] = set()
        self._cancelled: set[str] = set()
        """Among the known ones."""
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="profile-responder", daemon=True)
        self._thread.start()
        client.subscribe(topics.profile_request, self._on_request)
        client.subscribe(topics.profile_cancel, self._on_cancel)

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop answering; a measurement in progress is given up."""
        self._closed.set()
        # When the queue is full, the worker sees the flag after its present request.
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout_s)

    def _on_request(self, topic: str, payload: bytes) -> None:
        try:
            request = decode(ProfileRequest, payload, topic)
        except RemoteProtocolError as error:
            self._publish(ProfileResult(request_id=UNREADABLE, code="bad_message", reason=str(error)[:4096]))
            return
        with self._lock:
            if request.request_id in self._known:
                return
            stored = self._stored(request.request_id)
            if stored is not None:
                self._client.publish(self._topics.profile_result, stored)
                return
            try:
                self._waiting.put_nowait(request)
            except queue.Full:
                self._refuse(request, "busy", f"{MAX_WAITING} profile requests are waiting already")
                return
            self._known.add(request.request_id)

    def _on_cancel(self, topic: str, payload: bytes) -> None:
        cancel = decode(ProfileCancel, payload, topic)
        with self._lock:
            if cancel.request_id in self._known:
                self._cancelled.add(cancel.request_id)

    def _work(self) -> None:
        while not self._closed.is_set():
            request = self._waiting.get()
            if request is None or self._closed.is_set():
                return
            try:
                self._answer(request)
            except StoppedError as error:
                if self._closed.is_set():
                    return
                self._refuse(request, "cancelled", str(error))
            except Exception as error:
                # Whatever a model does to the runtime must not end the thread: later requests are answered.
                _log.exception("profile %s failed", request.request_id)
                self._refuse(request, "failed", f"{type(error).__name__}: {error}")
            finally:
                with self._lock:
                    self._known.discard(request.request_id)
                    self._cancelled.discard(request.request_id)

    def _answer(self, request: ProfileRequest) -> None:
        try:
            self._check(request)
            profile = self._run(self._plan(request), request, self._reporter(request))
            result = encode(ProfileResult(request_id=request.request_id, profile=profile))
            self._store(request.request_id, result)
        except StoppedError:
            raise
        except NascError as error:
            self._refuse(request, _code(error), str(error))
            return
        self._client.publish(self._topics.profile_result, result)

    def _plan(self, request: ProfileRequest) -> ProfilePlan:
        path = fetch(
            self._client,
            self._topics,
            request.plan,
            self._plans,
            timeout_s=self._fetch_timeout_s,
            max_bytes=MAX_PLAN_BYTES,
            should_stop=lambda: self._closed.is_set() or request.request_id in self._cancelled,
        )
        try:
            return unpack(path.read_bytes())
        finally:
            path.unlink(missing_ok=True)

    def _check(self, request: ProfileRequest) -> None:
        if self._closed.is_set():
            raise StoppedError("the process is ending")
        if request.request_id in self._cancelled:
            raise StoppedError("whoever asked for it asked to stop")

    def _reporter(self, request: ProfileRequest) -> Progress:
        last = 0.0

        def report(done: int, total: int, label: str) -> None:
            nonlocal last
            self._check(request)
            now = time.monotonic()
            if now - last < _PROGRESS_INTERVAL_S and done < total:
                return
            last = now
            label = label[:4096]
            message = ProfileProgress(request_id=request.request_id, done=done, total=total, label=label)
            self._client.publish(self._topics.profile_progress, encode(message), qos=0)

        return report

    def _stored(self, request_id: str) -> bytes | None:
        try:
            return (self._results / f"{request_id}.json").read_bytes()
        except FileNotFoundError:
            return None

    def _store(self, request_id: str, result: bytes) -> None:
        write_durably(self._results / f"{request_id}.json", result)
        kept = sorted(self._results.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for old in kept[:-KEPT_RESULTS]:
            old.unlink(missing_ok=True)

    def _refuse(self, request: ProfileRequest, code: str, reason: str) -> None:
        self._publish(ProfileResult(request_id=request.request_id, code=code, reason=reason[:4096]))

    def _publish(self, result: ProfileResult) -> None:
        self._client.publish(self._topics.profile_result, encode(result))


def _code(error: NascError) -> str:
    """Stable reason for programs."""
    match error:
        case ArtifactError():
            return "digest_mismatch"
        case UnreachableError():
            return "unreachable"
        case StorageError():
            return "disk_full" if error.full else "storage_failed"
        case RemoteProtocolError():
            return "bad_plan"
        case InputError():
            return "bad_model"
        case _:
            return "failed"
