"""Brings the store to what is desired: pulls, installs, answers, and drops old tails after a grace.

The newest desired version wins: one that arrives while an older one is pulled replaces it. A board may
still send to the old tail when the new one is desired, so tails are dropped only after they were unwanted
for ``grace_s``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasc_edge.tails import TailStore
from nasc_sdk.durable import make_directory
from nasc_sdk.errors import NascError, StoppedError, UnreachableError
from nasc_sdk.protocol.messages import Artifact, DeployDesired, DeployReported, DeployStatus
from nasc_sdk.refusal import code_of

Fetch = Callable[[Artifact, Path], Path]
"""Downloads an artifact into a directory; raises NascError."""
Report = Callable[[DeployReported], None]

RETRY_S: Final = 1.0
_MAX_TRIES: Final = 30

_log = logging.getLogger(__name__)


class Deployer:
    """Applies desired versions in its own thread, which also calls ``report`` and ``dropped`` (after one)."""

    def __init__(
        self, store: TailStore, device: str, directory: Path, fetch: Fetch, report: Report,
        *, dropped: Callable[[], None] = lambda: None, grace_s: float = 5.0, retry_s: float = RETRY_S,
    ) -> None:  # fmt: skip
        self._store, self._device = store, device
        self._directory = make_directory(directory)
        self._fetch, self._report, self._dropped = fetch, report, dropped
        self._grace_s, self._retry_s = grace_s, retry_s
        self._next: DeployDesired | None = None
        self._version = -1
        self._wanted: frozenset[str] | None = None
        self._unwanted_since: dict[str, float] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="deploy", daemon=True)
        self._thread.start()

    def desire(self, desired: DeployDesired) -> None:
        """Take a desired version; one older than what was seen is ignored, the same one is answered again."""
        with self._wake:
            if desired.version >= self._version:
                self._next, self._version = desired, desired.version
                self._wake.notify()

    def close(self, timeout_s: float = 10.0) -> None:
        """End the thread; what is installed stays."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (desired := self._await_next()) is not None:
            try:
                self._apply(desired)
            except Exception as error:
                # A deployment must not end the thread: the next one may be good.
                _log.exception("deployment %d failed", desired.version)
                self._refuse(desired, "failed", f"{type(error).__name__}: {error}")

    def _await_next(self) -> DeployDesired | None:
        """The next version to apply; drops tails whose grace is over meanwhile. None when closed."""
        with self._wake:
            while self._next is None and not self._closed:
                self._drop_unwanted(time.monotonic())
                self._wake.wait(self._grace_s / 4 if self._unwanted_since else None)
            desired, self._next = self._next, None
            return None if self._closed else desired

    def _apply(self, desired: DeployDesired) -> None:
        if any(self._store.contract_of(artifact.sha256) is None for artifact in desired.bundles):
            self._report(self._reported(desired, DeployStatus.PULLING))
        contracts = []
        for artifact in desired.bundles:
            try:
                contract = self._install(artifact)
            except NascError as error:
                self._refuse(desired, code_of(error), str(error))
                return
            if contract is None:
                return  # a newer version is waiting, or the process is ending
            contracts.append(contract)
        self._wanted = frozenset(contracts)
        self._drop_unwanted(time.monotonic())
        self._report(self._reported(desired, DeployStatus.ACTIVE, tuple(contracts)))

    def _install(self, artifact: Artifact) -> str | None:
        """Contract of the installed bundle; tries again while the sender cannot be reached."""
        for attempt in range(_MAX_TRIES):
            held = self._store.contract_of(artifact.sha256)
            if held is not None:
                return held
            try:
                path = self._fetch(artifact, self._directory)
                try:
                    return self._store.install(path.read_bytes())
                finally:
                    path.unlink(missing_ok=True)
            except StoppedError:
                return None
            except UnreachableError:
                if attempt == _MAX_TRIES - 1:
                    raise
            with self._wake:
                if self._wake.wait_for(lambda: self._closed or self._next is not None, self._retry_s):
                    return None
        return None

    def _drop_unwanted(self, now_s: float) -> None:
        if self._wanted is None:
            return
        unwanted = set(self._store.contracts) - self._wanted
        self._unwanted_since = {key: self._unwanted_since.get(key, now_s) for key in unwanted}
        for contract, since_s in tuple(self._unwanted_since.items()):
            if now_s - since_s >= self._grace_s:
                self._store.drop(contract)
                del self._unwanted_since[contract]
                self._dropped()

    def _reported(
        self, desired: DeployDesired, status: DeployStatus, contracts: tuple[str, ...] | None = None
    ) -> DeployReported:
        held = self._store.contracts if contracts is None else contracts
        return DeployReported(device=self._device, version=desired.version, status=status, contracts=held)

    def _refuse(self, desired: DeployDesired, code: str, reason: str) -> None:
        self._report(
            DeployReported(
                device=self._device,
                version=desired.version,
                status=DeployStatus.REFUSED,
                contracts=self._store.contracts,
                code=code,
                reason=reason[:4096],
            )
        )
