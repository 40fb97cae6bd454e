"""Says over MQTT who this board is and what it runs, and learns where the edge server is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from nasc_sdk.bundle import Manifest
from nasc_sdk.errors import InputError, NascError, RemoteProtocolError
from nasc_sdk.link.shape import parse_address
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import Capabilities, Role, State, decode, encode
from nasc_sdk.protocol.topics import Topics

_log = logging.getLogger(__name__)


def describe_candidate(manifest: Manifest) -> str:
    """The candidate as State shows it, e.g. ``<arch> cut 3 int8``."""
    candidate = manifest.candidate
    return f"{candidate.arch} cut {candidate.cut} {candidate.encoding}"


class Presence:
    """The board's retained State, kept current from :meth:`start` to :meth:`end`."""

    def __init__(
        self, topics: Topics, session: int, capabilities: Capabilities, address: str,
        manifests: Callable[[], tuple[Manifest, ...]],
    ) -> None:  # fmt: skip
        """``manifests`` gives those of the held heads, the active one first."""
        self._topics, self._session, self._capabilities = topics, session, capabilities
        self._address, self._manifests = address, manifests
        self._since_unix_s = time.time()
        self._client: MqttClient | None = None
        self._ended = False
        # Announcements come from several threads; none may follow the goodbye, which is retained.
        self._lock = threading.Lock()

    @property
    def will(self) -> tuple[str, bytes]:
        """Topic and payload of the last will."""
        offline = State(device=self._topics.device, role=Role.BOARD, session=self._session, online=False)
        return self._topics.state, encode(offline)

    def start(self, client: MqttClient) -> None:
        """Announce at every connect."""
        self._client = client
        client.on_connect(self.announce)

    def announce(self) -> None:
        """Publish the state as it is now."""
        with self._lock:
            if self._client is None or self._ended:
                return
            publish_if_possible(self._client, self._topics.state, encode(self._present()), retain=True)

    def heard(self, state: State) -> None:
        """Contradict a last will of ours that the broker published late, e.g. after a takeover."""
        if not state.online and state.session <= self._session:
            self.announce()

    def end(self) -> None:
        """Say goodbye; the last will is for those who cannot."""
        with self._lock:
            self._ended = True
            if self._client is not None:
                publish_if_possible(self._client, *self.will, retain=True)

    def _present(self) -> State:
        manifests = self._manifests()
        return State(
            device=self._topics.device,
            role=Role.BOARD,
            session=self._session,
            online=True,
            capabilities=self._capabilities,
            contracts=tuple(manifest.contract.id for manifest in manifests),
            candidate=describe_candidate(manifests[0])[:4096] if manifests else "",
            address=self._address,
            since_unix_s=self._since_unix_s,
        )


class EdgeFinder:
    """Follows the States of a site's edge servers."""

    def __init__(self, found: Callable[[tuple[str, int]], None], in_use: Callable[[], bool]) -> None:
        """``found`` gets an address to use; ``in_use`` says whether the present server answers."""
        self._found, self._in_use = found, in_use
        self._device = ""

    def heard(self, state: State) -> None:
        """Take a server's address. One that is offline is kept: it may have lost only the broker."""
        if state.role is not Role.EDGE or not state.online or not state.address:
            return
        if self._device not in ("", state.device) and self._in_use():
            return
        try:
            address = parse_address(state.address)
        except InputError as error:
            _log.warning("edge server %s: %s", state.device, error)
            return
        self._device = state.device
        self._found(address)


def read_state(topic: str, payload: bytes) -> State | None:
    """The State, or None for a retained message taken back or one that cannot be read (logged)."""
    if not payload:
        return None
    try:
        return decode(State, payload, topic)
    except RemoteProtocolError as error:
        _log.warning("%s", error)
        return None


def publish_if_possible(
    client: MqttClient, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
) -> None:
    """Publish; a lost broker is logged and stops nothing, inference least of all."""
    try:
        client.publish(topic, payload, qos=qos, retain=retain)
    except NascError as error:
        _log.warning("cannot publish %s: %s", topic, error)
