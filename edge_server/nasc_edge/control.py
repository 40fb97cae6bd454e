"""The edge server as an MQTT device: says who it is and what it holds, takes deployments and profiles."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nasc_edge.deploy import Deployer
from nasc_edge.tails import TailStore
from nasc_sdk.durable import next_session
from nasc_sdk.entropy import known_codings
from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.mqtt.artifacts import fetch
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.presence import Presence
from nasc_sdk.profiling.coding import Direction
from nasc_sdk.profiling.conditions import read_conditions
from nasc_sdk.profiling.measure import measure
from nasc_sdk.profiling.plan import ProfilePlan
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.profiling.respond import ProfileResponder, Progress
from nasc_sdk.profiling.speed import process_speed
from nasc_sdk.protocol.messages import (
    Artifact,
    Capabilities,
    DeployDesired,
    DeployReported,
    DeployStatus,
    ProfileRequest,
    Role,
    State,
    decode,
    encode,
)
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.base import Kernels, Runtime
from nasc_sdk.runtime.check import check_models

FETCH_TIMEOUT_S: Final = 30.0
THREADS: Final = 1
"""Of one tail; several run at once (:mod:`nasc_edge.workers`)."""
MAX_BUNDLE_BYTES: Final = 64 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this edge server is."""

    site: str
    device: str
    address: str
    """host:port at which boards reach the tensor port."""


class EdgeControl:
    """Keeps the store as desired and the broker informed, from :meth:`start` to :meth:`close`."""

    def __init__(
        self, url: str, identity: Identity, store: TailStore, runtime: Runtime, directory: Path,
        *, grace_s: float = 5.0,
    ) -> None:  # fmt: skip
        self._identity, self._store, self._runtime = identity, store, runtime
        self._directory = directory
        self._grace_s = grace_s
        self._topics = Topics(identity.site, identity.device)
        self._session, self._since_unix_s = next_session(directory), time.time()
        conditions = read_conditions(runtime, Kernels.XNNPACK, THREADS)
        self._capabilities = Capabilities(
            conditions=conditions, max_artifact_bytes=MAX_BUNDLE_BYTES, entropy=known_codings()
        )
        self._presence = Presence(self._topics, Role.EDGE, self._session, self._present)
        self._client = MqttClient(url, f"nasc-{identity.site}-{identity.device}", will=self._presence.will)
        self._deployer: Deployer | None = None
        self._responder: ProfileResponder | None = None
        self._closing = False

    def start(self, timeout_s: float = 10.0) -> None:
        """Connect and take part; raises UnreachableError when there is no broker."""
        self._deployer = Deployer(
            self._store, self._identity.device, self._directory / "pulled", self._fetch, self._report,
            dropped=self._presence.announce, grace_s=self._grace_s,
        )  # fmt: skip
        self._responder = ProfileResponder(
            self._client, self._topics, self._identity.device, self._directory / "profiles", self._profile
        )
        self._presence.start(self._client)
        self._client.subscribe(self._topics.deploy_desired, self._on_desired)
        self._client.connect(timeout_s)

    def close(self) -> None:
        """Say goodbye and end the threads; the last will is for those who cannot."""
        self._closing = True
        for part in (self._responder, self._deployer):
            if part is not None:
                part.close()
        self._presence.end()
        self._client.close()

    def _present(self) -> State:
        identity = self._identity
        return State(
            device=identity.device,
            role=Role.EDGE,
            session=self._session,
            online=True,
            capabilities=self._capabilities,
            contracts=self._store.contracts,
            address=identity.address,
            since_unix_s=self._since_unix_s,
        )

    def _on_desired(self, topic: str, payload: bytes) -> None:
        if not payload:
            return  # that is how a retained message is taken back: nothing new is desired
        try:
            desired = decode(DeployDesired, payload, topic)
        except RemoteProtocolError as error:
            _log.warning("%s", error)
            refused = DeployReported(
                device=self._identity.device,
                version=0,
                status=DeployStatus.REFUSED,
                contracts=self._store.contracts,
                code="bad_message",
                reason=str(error)[:4096],
            )
            # Not retained: the last verdict stays the one that whoever comes later reads.
            self._client.publish(self._topics.deploy_reported, encode(refused))
            return
        if self._deployer is not None:
            self._deployer.desire(desired)

    def _fetch(self, artifact: Artifact, directory: Path) -> Path:
        return fetch(
            self._client, self._topics, artifact, directory,
            timeout_s=FETCH_TIMEOUT_S, max_bytes=MAX_BUNDLE_BYTES, should_stop=lambda: self._closing,
        )  # fmt: skip

    def _report(self, reported: DeployReported) -> None:
        # State first: whoever reads "active" finds the contracts in the state already.
        self._presence.announce()
        self._client.publish(self._topics.deploy_reported, encode(reported), retain=True)
        if reported.status is DeployStatus.REFUSED:
            _log.warning("deployment %d refused: %s [%s]", reported.version, reported.reason, reported.code)

    def _profile(self, plan: ProfilePlan, request: ProfileRequest, progress: Progress) -> Profile:
        check_models([(item.key, item.model) for item in plan.items], runtime=self._runtime)
        return measure(
            plan, self._runtime, Kernels.XNNPACK,
            device=self._identity.device, rounds=request.rounds, threads=THREADS,
            progress=progress, per_op=request.per_op, speed=process_speed(), direction=Direction.RECEIVES,
        )  # fmt: skip
