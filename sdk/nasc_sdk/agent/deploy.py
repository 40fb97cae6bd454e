"""Brings the board to what is desired over MQTT: pulls, installs, switches, reports.

The newest desired version wins: one that arrives while an older one waits replaces it. A verdict is remembered and
said again after each reconnect, so that a version is neither applied nor pulled twice.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from nasc_sdk.agent import trust
from nasc_sdk.agent.install import Installer, LoadedHead
from nasc_sdk.durable import make_directory
from nasc_sdk.errors import NascError, RemoteProtocolError, StoppedError, StorageError, UnreachableError
from nasc_sdk.mqtt.artifacts import fetch
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import Artifact, DeployDesired, DeployReported, DeployStatus, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.refusal import code_of

FETCH_TIMEOUT_S: Final = 4.0
"""Without a new chunk for so long, a look whether a newer version or the end has come; the pull then goes on with
twice the patience: over a slow link a single chunk takes longer.
"""
LONGEST_FETCH_TIMEOUT_S: Final = 16.0
MAX_TRIES: Final = 30
MAX_HEAD_BYTES: Final = 64 << 20
_CLOSE_TIMEOUT_S: Final = 20.0
# What another try may cure; other refusals are final for a version.
_PASSING: Final = frozenset({"disk_full", "storage_failed", "unreachable", "failed"})

_log = logging.getLogger(__name__)


class Deployer:
    """Works from its construction (before or after the client connects) to :meth:`close`, on a thread of its own,
    which also calls ``on_switch`` with the new heads: before they count as installed, and with the old ones again
    when they cannot. ``directory`` receives what is pulled; ``busy`` is entered while heads are tried and installed.
    """  # fmt: skip

    def __init__(
        self, client: MqttClient, topics: Topics, device: str, installer: Installer, directory: Path,
        on_switch: Callable[[tuple[LoadedHead, ...]], None],
        *, retry_s: float = 1.0, fetch_timeout_s: float = FETCH_TIMEOUT_S, tries: int = MAX_TRIES,
        busy: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:  # fmt: skip
        self._client, self._topics, self._device = client, topics, device
        self._installer, self._on_switch, self._busy = installer, on_switch, busy
        self._directory = make_directory(directory / "pulled")
        self._retry_s, self._fetch_timeout_s, self._tries = retry_s, fetch_timeout_s, tries
        self.ignored = 0
        """Messages that were no DeployDesired, or an older one."""
        self._wake = threading.Condition()
        self._next: DeployDesired | None = None
        self._newest = installer.version
        self._settled: DeployDesired | None = None
        self._last: DeployReported | None = None
        if installer.version != trust.NOTHING:
            self._last = self._reported(installer.version, DeployStatus.ACTIVE)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="deploy", daemon=True)
        self._thread.start()
        client.on_connect(self._announce)
        self._subscription = client.subscribe(topics.deploy_desired, self._on_desired)

    def close(self) -> None:
        """End the thread; what is installed stays."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._subscription.close()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _on_desired(self, topic: str, payload: bytes) -> None:
        if not payload:
            return  # that is how a retained message is taken back: nothing new is desired
        try:
            desired = decode(DeployDesired, payload, topic)
        except RemoteProtocolError as error:
            self.ignored += 1
            _log.warning("%s", error)
            # Not retained: the last verdict stays the one that whoever comes later reads.
            self._publish(self._reported(0, DeployStatus.REFUSED, "bad_message", str(error)[:4096]), retain=False)
            return
        with self._wake:
            if desired.version < self._newest:
                self.ignored += 1
                _log.info("version %d is ignored, %d was desired already", desired.version, self._newest)
                return
            self._next, self._newest = desired, desired.version
            self._wake.notify_all()

    def _work(self) -> None:
        while (desired := self._await_next()) is not None:
            try:
                self._apply(desired)
            except NascError as error:
                self._refuse(desired, code_of(error), str(error))
            except Exception as error:
                # A deployment must not end the thread: the next one may be good.
                _log.exception("deployment %d failed", desired.version)
                self._refuse(desired, "failed", f"{type(error).__name__}: {error}")

    def _await_next(self) -> DeployDesired | None:
        with self._wake:
            self._wake.wait_for(lambda: self._next is not None or self._closed)
            desired, self._next = self._next, None
            return None if self._closed else desired

    def _apply(self, desired: DeployDesired) -> None:
        if self._settled is not None and _same(self._settled, desired):
            self._announce()
            return
        if not self._installer.is_installed(desired.version, desired.bundles):
            if any(self._installer.held(artifact.sha256) is None for artifact in desired.bundles):
                self._report(self._reported(desired.version, DeployStatus.PULLING))
            blobs = []
            for artifact in desired.bundles:
                blob = self._pull(artifact)
                if blob is None:
                    return  # a newer version is waiting, or the process is ending
                blobs.append(blob)
            with self._busy():
                self._installer.install(desired.version, blobs, self._switch)
        self._settle(desired, self._reported(desired.version, DeployStatus.ACTIVE))

    def _switch(self, heads: tuple[LoadedHead, ...]) -> None:
        try:
            self._on_switch(heads)
        except UnreachableError as error:
            # The heads run; who hears of it later hears it from the next announcement.
            _log.info("%s", error)

    def _pull(self, artifact: Artifact) -> bytes | None:
        """Bytes of a bundle; tries again while broker or sender cannot be reached."""
        held = self._installer.held(artifact.sha256)
        if held is not None:
            return held
        for attempt in range(self._tries):
            patience_s = min(self._fetch_timeout_s * 2**attempt, LONGEST_FETCH_TIMEOUT_S)
            try:
                path = fetch(
                    self._client, self._topics, artifact, self._directory,
                    timeout_s=patience_s, max_bytes=MAX_HEAD_BYTES, should_stop=lambda: self._closed,
                )  # fmt: skip
                return _take(path)
            except StoppedError:
                return None
            except UnreachableError as error:
                _log.info("pull interrupted (%d of %d): %s", attempt + 1, self._tries, error)
                if attempt == self._tries - 1:
                    raise
            with self._wake:
                if self._wake.wait_for(lambda: self._closed or self._next is not None, self._retry_s):
                    return None
        return None

    def _refuse(self, desired: DeployDesired, code: str, reason: str) -> None:
        _log.warning("deployment %d refused: %s [%s]", desired.version, reason, code)
        reported = self._reported(desired.version, DeployStatus.REFUSED, code, reason[:4096])
        if code in _PASSING:
            self._report(reported)
        else:
            self._settle(desired, reported)

    def _settle(self, desired: DeployDesired, reported: DeployReported) -> None:
        self._settled = desired
        self._report(reported)

    def _reported(
        self, version: int, status: DeployStatus, code: str = "", reason: str = ""
    ) -> DeployReported:
        return DeployReported(
            device=self._device,
            version=version,
            status=status,
            contracts=self._installer.contracts,
            code=code,
            reason=reason,
        )

    def _report(self, reported: DeployReported) -> None:
        self._last = reported
        self._announce()

    def _announce(self) -> None:
        """Say where things stand; said again after each connect, so a failure here is made good."""
        if self._last is not None:
            self._publish(self._last, retain=True)

    def _publish(self, reported: DeployReported, *, retain: bool) -> None:
        try:
            self._client.publish(self._topics.deploy_reported, encode(reported), retain=retain)
        except UnreachableError as error:
            _log.info("%s", error)


def _same(one: DeployDesired, other: DeployDesired) -> bool:
    return (one.version, one.bundles) == (other.version, other.bundles)


def _take(path: Path) -> bytes:
    """Content of a pulled file, which is gone then."""
    try:
        data = path.read_bytes()
        path.unlink()
    except OSError as error:
        raise StorageError.of(path, error) from error
    return data
