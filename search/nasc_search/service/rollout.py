"""Rollout: a decision reaches server and board so that no request meets a missing tail.

1. The server is told to hold the new tail beside the old ones, and answers that it does.
2. The board is told to run the new head (with the all-local head as its fallback), tries it, and switches.
3. The server is told to let old tails go; it keeps them for a grace, for requests on their way.

A board without room for the fallback gets the head alone. One without room for old and new heads beside each other
gets the fallback alone first, and then both: it answers by itself for a moment.

Whatever fails in between leaves the board on the head it had (or on the fallback that made room), and the server with
both tails.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from nasc_sdk.bundle import Bundle
from nasc_sdk.errors import RefusedError, UnreachableError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import Artifact, DeployDesired, DeployReported, DeployStatus, decode, encode
from nasc_sdk.protocol.topics import Topics, device_of
from nasc_sdk.refusal import TOO_LARGE_BESIDE_OLD, TOO_LARGE_TOGETHER
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.store import Store

REPORTED: Final = "reported"
HELD_TAILS: Final = 4
"""Tails kept on the server beside the newest: going back to one needs no transfer."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a rollout took, seconds, and the board's new version."""

    board_version: int
    heads: int
    """How many the board holds now: without room for a fallback it is one."""
    edge_s: float
    board_s: float


@dataclass(frozen=True, slots=True)
class _Desired:
    """What the service last told a device; kept across restarts."""

    version: int
    bundles: tuple[Artifact, ...]


class Rollout:
    """Tells devices what to hold and waits for their word."""

    def __init__(
        self, client: MqttClient, site: str, shelf: ArtifactShelf, store: Store, mailbox: Mailbox
    ) -> None:
        self._client, self._site, self._shelf, self._store, self._mailbox = client, site, shelf, store, mailbox
        self._heard: dict[str, int] = {}
        """Highest version by device that anybody spoke of."""
        self._hearing = threading.Lock()

    def restore(self) -> None:
        """Before the client connects: offer all artifacts again, and repeat what is desired on every connection.

        It is retained, but a broker that was killed may have forgotten it, and a deployment under way with it.
        """
        for data in self._store.artifacts().values():
            self._shelf.put(data, pinned=True)
        every = Topics(self._site, "+")
        for topic, kind in ((every.deploy_desired, DeployDesired), (every.deploy_reported, DeployReported)):
            self._client.subscribe(topic, partial(self._hear, kind))
        self._client.on_connect(self._repeat)

    def _hear(self, kind: type[DeployDesired | DeployReported], topic: str, payload: bytes) -> None:
        """A device may remember a service whose memory is gone, and then ignores the versions it has seen."""
        if not payload:
            return
        device, version = device_of(topic), decode(kind, payload, topic).version
        with self._hearing:
            self._heard[device] = max(version, self._heard.get(device, 0))

    def _repeat(self) -> None:
        for device in self._store.devices("desired"):
            known = self._store.get("desired", device, _Desired)
            if known is not None:
                self._tell(device, known, "said again after a lost connection")

    def run(
        self, board: str, edge: str, heads: tuple[Bundle, ...], tail: Bundle | None, reason: str, timeout_s: float
    ) -> Rolled:
        """Bring ``heads`` (the first one runs) to the board and ``tail`` to the server.

        Raises RefusedError when either refuses, UnreachableError when one does not answer in ``timeout_s``.
        """
        begun = time.monotonic()
        edge_s = 0.0
        if tail is not None:
            self._hold_tail(edge, tail, reason, timeout_s)
            edge_s = time.monotonic() - begun
        version, held = self._install_what_fits(board, heads, reason, timeout_s)
        self._forget()
        return Rolled(version, held, edge_s, time.monotonic() - begun - edge_s)

    def _install_what_fits(
        self, board: str, heads: tuple[Bundle, ...], reason: str, timeout_s: float
    ) -> tuple[int, int]:
        """The version in force, and how many of the heads the board holds."""
        try:
            return self._install(board, heads, reason, timeout_s), len(heads)
        except RefusedError as error:
            head, fallback = heads[:1], heads[1:]
            if fallback and error.code == TOO_LARGE_TOGETHER:
                _log.info("%s: sent without its fallback", error)
                return self._install(board, head, f"{reason} (no room for a fallback)", timeout_s), 1
            if fallback and error.code == TOO_LARGE_BESIDE_OLD:
                _log.info("%s: the fallback makes room first", error)
                self._install(board, fallback, f"{reason} (making room for it)", timeout_s)
                return self._install(board, heads, reason, timeout_s), len(heads)
            raise

    def _install(self, board: str, heads: tuple[Bundle, ...], reason: str, timeout_s: float) -> int:
        desired = self._desire(board, tuple(self._keep(head) for head in heads), reason)
        self._await_active(board, desired.version, timeout_s)
        return desired.version

    def _hold_tail(self, edge: str, tail: Bundle, reason: str, timeout_s: float) -> None:
        newest = self._keep(tail)
        known = self._store.get("desired", edge, _Desired)
        others = tuple(item for item in (known.bundles if known else ()) if item != newest)
        desired = self._desire(edge, (newest, *others[:HELD_TAILS]), reason)
        self._await_active(edge, desired.version, timeout_s)

    def _keep(self, bundle: Bundle) -> Artifact:
        data = bundle.pack()
        artifact = self._shelf.put(data, pinned=True)
        self._store.put_artifact(artifact.sha256, data)
        return artifact

    def _desire(self, device: str, bundles: tuple[Artifact, ...], reason: str) -> _Desired:
        with self._hearing:
            heard = self._heard.get(device, 0)
        version = self._store.next_version(device, after=heard)
        desired = _Desired(version, bundles)
        self._store.put("desired", device, desired)
        self._tell(device, desired, reason)
        return desired

    def _tell(self, device: str, desired: _Desired, reason: str) -> None:
        message = DeployDesired(version=desired.version, bundles=desired.bundles, reason=reason[:4096])
        self._client.publish(Topics(self._site, device).deploy_desired, encode(message), retain=True)

    def _await_active(self, device: str, version: int, timeout_s: float) -> None:
        def settled(reported: DeployReported) -> bool:
            return reported.version >= version and reported.status is not DeployStatus.PULLING

        reported = self._mailbox.wait(REPORTED, device, DeployReported, settled, timeout_s)
        if reported is None:
            raise UnreachableError(device, f"did not report deployment {version} within {timeout_s:.0f} s")
        if reported.status is DeployStatus.REFUSED:
            raise RefusedError(reported.code or "refused", f"{device} refused deployment {version}: {reported.reason}")

    def _forget(self) -> None:
        """Drop artifacts that no device is told to hold."""
        known = (self._store.get("desired", device, _Desired) for device in self._store.devices("desired"))
        wanted = frozenset(artifact.sha256 for desired in known if desired for artifact in desired.bundles)
        for digest in frozenset(self._store.artifacts()) - wanted:
            self._shelf.drop(digest)
        self._store.keep_artifacts(wanted)
