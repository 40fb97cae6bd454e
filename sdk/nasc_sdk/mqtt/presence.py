"""Presence: a device's retained State, kept true from its start to its goodbye, crashes and takeovers included."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from nasc_sdk.errors import NascError, RemoteProtocolError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import Role, State, decode, encode
from nasc_sdk.protocol.topics import Topics

_log = logging.getLogger(__name__)


class Presence:
    """Announced at every connect; a last will of ours that the broker publishes late is contradicted."""

    def __init__(self, topics: Topics, role: Role, session: int, present: Callable[[], State]) -> None:
        """``present`` is asked for the state, online, whenever it is announced."""
        self._topics, self._role, self._session, self._present = topics, role, session, present
        self._client: MqttClient | None = None
        self._ended = False
        # Announcements come from several threads; none may follow the goodbye, which is retained.
        self._lock = threading.Lock()

    @property
    def will(self) -> tuple[str, bytes, int, bool]:
        """The last will: topic, payload, QoS, retained."""
        offline = State(device=self._topics.device, role=self._role, session=self._session, online=False)
        return self._topics.state, encode(offline), 1, True

    def start(self, client: MqttClient) -> None:
        """Announce from now on; before the client connects."""
        self._client = client
        client.on_connect(self.announce)
        client.subscribe(self._topics.state, self._on_state)

    def announce(self) -> None:
        """Publish the state as it is now."""
        with self._lock:
            if self._client is not None and not self._ended:
                publish_if_possible(self._client, self._topics.state, encode(self._present()), retain=True)

    def end(self) -> None:
        """Say goodbye; the last will is for those who cannot."""
        with self._lock:
            self._ended = True
            if self._client is not None:
                topic, payload, qos, retain = self.will
                publish_if_possible(self._client, topic, payload, qos=qos, retain=retain)

    def _on_state(self, topic: str, payload: bytes) -> None:
        state = read_state(topic, payload)
        if state is not None and not state.online and state.session <= self._session:
            self.announce()


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
