"""paho-mqtt with its traps closed: MQTT 3.1.1, bounded queues, no waiting for Nagle, an end to bad credentials.

Threads: paho's network thread only queues; handlers and connect callbacks run on one dispatcher thread, so that a
handler may wait for an acknowledgement. When that thread falls behind its queue's bound, messages are dropped and
counted: the broker's acknowledgement was never delivery, and whoever needs an answer asks again.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from threading import Condition
from types import TracebackType
from typing import Final, Self

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from nasc_sdk.errors import InputError, UnreachableError
from nasc_sdk.mqtt.address import parse_url
from nasc_sdk.mqtt.ask import ask as ask
from nasc_sdk.mqtt.dispatcher import Dispatcher
from nasc_sdk.protocol.messages import MAX_MESSAGE_BYTES

Handler = Callable[[str, bytes], None]
"""Called with topic and payload."""
Will = tuple[str, bytes, int, bool]
"""Topic, payload, QoS, retained."""

_CREDENTIALS_REFUSED: Final = ("Bad user name or password", "Not authorized")
_RECONNECT_S: Final = (1, 4)
_FIRST_RETRY_S: Final = 0.1
_TCP_TIMEOUT_S: Final = 5.0
_GOODBYE_S: Final = 1.0
_KEEPALIVE_S: Final = 10

_log = logging.getLogger(__name__)


class Subscription:
    """What :meth:`MqttClient.subscribe` returns; closing it, or leaving its ``with`` block, ends it."""

    def __init__(self, client: MqttClient, filter_: str, handler: Handler) -> None:
        self._client, self.filter, self.handler = client, filter_, handler

    def close(self) -> None:
        """No call of the handler begins after this."""
        self._client._unsubscribe(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MqttClient:
    """A connection that comes back by itself. Subscribe before :meth:`connect` so that nothing is missed.

    Sessions are clean: the broker keeps nothing for an absent client but retained messages.
    """

    def __init__(
        self, url: str, client_id: str,
        *, will: Will | None = None, max_inflight: int = 64, max_queue: int = 2000,
    ) -> None:  # fmt: skip
        self.address = parse_url(url)
        self.dropped = 0
        """Messages that came while the dispatcher's queue was full."""
        self.connections = 0
        """How often the broker accepted this client: one that changes says that messages may have been lost."""
        self._client_id, self._will = client_id, will
        self._max_inflight, self._max_queue = max_inflight, max_queue
        self._dispatcher = Dispatcher(f"mqtt-{client_id}", max_queue)
        self._subscriptions: list[Subscription] = []
        self._connect_callbacks: list[Callable[[], None]] = []
        self._unconfirmed: set[int] = set()
        self._unacknowledged: list[MQTTMessageInfo] = []
        self._changed = Condition()
        self._connected = self._ready = self._ended = False
        self._refusal = ""
        self._paho = self._make_paho()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this client and the connection stands, as far as is known."""
        return self._connected

    @property
    def failures(self) -> int:
        """Handler calls that raised."""
        return self._dispatcher.failures

    @property
    def in_handler(self) -> bool:
        """Whether the caller runs on the dispatcher thread, where waiting for another message never ends."""
        return self._dispatcher.is_this_thread

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, trying again until the timeout; on return all subscriptions so far are confirmed.

        Afterwards the connection is restored whenever it is lost, until :meth:`close`. Raises UnreachableError;
        what was published before is dropped then, subscriptions are kept, and connecting may be tried again.
        """
        deadline = time.monotonic() + timeout_s
        if self._ended:
            self._paho = self._make_paho()
        self._ended, self._refusal = False, ""
        self._dispatcher.start()
        try:
            self._open_socket(deadline)
            self._paho.loop_start()
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._refusal, deadline - time.monotonic())
                refusal, ready = self._refusal, self._ready
            if not ready:
                raise self._unreachable(
                    refusal or "took the connection but does not answer; wrong user or password, or not a broker?"
                )
        except BaseException:
            self.close(0.0)
            raise

    def close(self, timeout_s: float = 5.0) -> None:
        """Wait until the broker has what was published (as long as it is there), say goodbye, end the threads."""
        if self.connected and not self._ended:
            self._drain(timeout_s)
        self._ended = True
        self._paho.disconnect()
        with self._changed:
            gone = self._changed.wait_for(lambda: not self._connected, _GOODBYE_S)
        if not gone:
            self._cut()  # the broker hangs: paho would wait for room to say goodbye
        self._stop()

    def subscribe(self, topic_filter: str, handler: Handler) -> Subscription:
        """Call ``handler`` for matching messages from now on, also after reconnects."""
        subscription = Subscription(self, topic_filter, handler)
        with self._changed:
            self._subscriptions.append(subscription)
            if self._connected:
                self._paho.subscribe(topic_filter, 1)
        return subscription

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` on the dispatcher thread after every later connect, once subscriptions are sent."""
        self._connect_callbacks.append(callback)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Queue a message; QoS 1 waits for a connection, QoS 0 is lost without one.

        Raises UnreachableError when the queue is full or the client closed, InputError when the payload is larger
        than a message may be: brokers cut the connection for that, and it would be sent again forever.
        """
        self._send(topic, payload, qos, retain)

    def publish_and_wait(
        self, topic: str, payload: bytes, timeout_s: float, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish and wait for the broker's acknowledgement, which is not yet delivery; UnreachableError."""
        info = self._send(topic, payload, qos, retain)
        with contextlib.suppress(RuntimeError):
            info.wait_for_publish(timeout_s)
        if not _is_published(info):
            raise self._unreachable(f"did not take a message for {topic} within {timeout_s:g} s")

    def __enter__(self) -> Self:
        """Connecting is the block's own first step: subscriptions come before it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- sending ----------------------------------------------------------------------------------------------

    def _send(self, topic: str, payload: bytes, qos: int, retain: bool) -> MQTTMessageInfo:
        if len(payload) > MAX_MESSAGE_BYTES:
            raise InputError(f"a message for {topic} has {len(payload)} bytes, at most {MAX_MESSAGE_BYTES} go")
        if self._ended:
            raise self._unreachable("the connection was closed")
        info = self._paho.publish(topic, payload, qos, retain)
        if info.rc is MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise self._unreachable(f"{self._max_queue} messages are waiting to be sent")
        if qos and info.rc is MQTTErrorCode.MQTT_ERR_NO_CONN:
            # paho has queued it and sends it once connected; left as it is, waiting for it would raise.
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        if qos:
            self._unacknowledged.append(info)
            if len(self._unacknowledged) > self._max_queue:
                self._unacknowledged = [waiting for waiting in self._unacknowledged if not _is_settled(waiting)]
        return info

    def _drain(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        for info in self._unacknowledged:
            while not _is_settled(info) and self.connected:
                left = deadline - time.monotonic()
                if left <= 0:
                    _log.warning("%s: closed before all messages were acknowledged", self.address)
                    return
                info.wait_for_publish(min(left, 0.2))

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._changed:
            if subscription not in self._subscriptions:
                return
            self._subscriptions.remove(subscription)
            last = all(other.filter != subscription.filter for other in self._subscriptions)
            if last and self._connected and not self._ended:
                self._paho.unsubscribe(subscription.filter)

    # --- connecting -------------------------------------------------------------------------------------------

    def _make_paho(self) -> Client:
        address = self.address
        paho = Client(CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTProtocolVersion.MQTTv311)
        # After connecting, paho refuses to change these.
        paho.max_inflight_messages_set(self._max_inflight)
        paho.max_queued_messages_set(self._max_queue)
        paho.reconnect_delay_set(*_RECONNECT_S)
        paho.connect_timeout = _TCP_TIMEOUT_S
        if self._will is not None:
            paho.will_set(*self._will)
        if address.user:
            paho.username_pw_set(address.user, address.password)
        if address.tls:
            try:
                paho.tls_set(ca_certs=address.ca, certfile=address.cert, keyfile=address.key)
            except (OSError, ValueError) as error:
                raise InputError(f"cannot use the certificates given for {address}: {error}") from error
        paho.on_socket_open = _no_delay
        paho.on_connect = self._on_connect
        paho.on_subscribe = self._on_subscribe
        paho.on_disconnect = self._on_disconnect
        paho.on_message = self._on_message
        return paho

    def _open_socket(self, deadline: float) -> None:
        address = self.address
        while True:
            left = deadline - time.monotonic()
            try:
                self._paho.connect(address.host, address.port, _KEEPALIVE_S)
                return
            except ssl.SSLCertVerificationError as error:
                raise self._unreachable(f"its certificate is not trusted: {error.verify_message}") from error
            except OSError as error:
                if left <= _FIRST_RETRY_S:
                    reason = error.strerror or str(error) or type(error).__name__
                    raise self._unreachable(f"no broker there: {reason}; start one with: nasc-sdk up") from error
            time.sleep(_FIRST_RETRY_S)

    def _cut(self) -> None:
        """End the stream; paho's thread sees it, and _on_disconnect tells it not to come back."""
        sock = self._paho.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _stop(self) -> None:
        self._paho.loop_stop()
        sock = self._paho.socket()
        if sock is not None:
            sock.close()
        # A stopped paho keeps a pair of sockets for as long as it lives, and cannot start again without losing one.
        self._paho = Client(CallbackAPIVersion.VERSION2)
        self._unacknowledged.clear()
        with self._changed:
            self._connected = self._ready = False
        self._dispatcher.stop(timeout_s=5.0)

    def _unreachable(self, reason: str) -> UnreachableError:
        return UnreachableError(f"broker {self.address}", reason)

    # --- paho's network thread: queue and return ----------------------------------------------------------------

    def _on_connect(self, paho: Client, _: object, __: object, reason: ReasonCode, ___: object) -> None:
        if reason.is_failure:
            with self._changed:
                self._refusal = f"refused the connection: {reason}"
                self._changed.notify_all()
            _log.warning("%s %s", self.address, self._refusal)
            if str(reason) in _CREDENTIALS_REFUSED:
                paho.disconnect()  # they will not get better: without this paho tries forever
            return
        if self._ended:
            paho.disconnect()
            return
        with self._changed:
            self._connected = True
            self.connections += 1
            filters = sorted({subscription.filter for subscription in self._subscriptions})
            self._unconfirmed.clear()
            if filters:
                _, mid = paho.subscribe([(name, 1) for name in filters])
                assert mid is not None
                self._unconfirmed.add(mid)
            self._note_ready()
        for callback in self._connect_callbacks:
            self._dispatcher.offer(callback, always=True)

    def _on_subscribe(
        self, _: Client, __: object, mid: int, reasons: list[ReasonCode], ___: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            _log.warning("%s refused a subscription", self.address)
        with self._changed:
            self._unconfirmed.discard(mid)
            self._note_ready()

    def _note_ready(self) -> None:
        self._ready = not self._unconfirmed
        self._changed.notify_all()

    def _on_disconnect(self, paho: Client, *_: object) -> None:
        with self._changed:
            self._connected = self._ready = False
            self._changed.notify_all()
        if self._ended:
            paho.disconnect()

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.dropped += 1
            return
        payload = bytes(message.payload)
        if not self._dispatcher.offer(lambda: self._handle(topic, payload), len(payload)):
            self.dropped += 1

    def _handle(self, topic: str, payload: bytes) -> None:
        for subscription in tuple(self._subscriptions):
            if topic_matches_sub(subscription.filter, topic):
                # One by one: a handler that raises must not keep the message from the others.
                self._dispatcher.run(partial(subscription.handler, topic, payload))


def _no_delay(_: Client, __: object, sock: object) -> None:
    """Without it two publishes back to back take 44 ms instead of 0.2 (Nagle meets delayed acknowledgements)."""
    assert isinstance(sock, socket.socket)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _is_published(info: MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):
        return False


def _is_settled(info: MQTTMessageInfo) -> bool:
    """Published, or lost for good: nothing to wait for."""
    return info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS or info.is_published()
