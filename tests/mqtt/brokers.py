"""Brokers that can be killed and come back, and a peer that speaks MQTT only as far as a test needs."""

import contextlib
import socket
import struct
import threading
import time

from nasc_sdk.mqtt.broker import start_broker

TIMEOUT_S = 20.0


def wait_for(condition):
    """Wait until the condition holds."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


@contextlib.contextmanager
def broker(kind, directory, port=0):
    """A broker that is ended without fail; it may be killed before."""
    with start_broker(kind, state_dir=directory, port=port) as process:
        yield process


def _text(value):
    return struct.pack(">H", len(value)) + value


def _connect_packet(client_id, will, keepalive_s, clean):
    flags = (2 if clean else 0) | (0x2C if will else 0)  # a will of QoS 1, retained
    body = _text(b"MQTT") + bytes([4, flags]) + struct.pack(">H", keepalive_s) + _text(client_id)
    for part in will or ():
        body += _text(part)
    return bytes([0x10, len(body)]) + body


class RawPeer:
    """A client that never pings: CONNECT, and then silence."""

    def __init__(self, broker, client_id, *, will=None, keepalive_s=60, clean=True):
        self.socket = socket.create_connection((broker.host, broker.port), TIMEOUT_S)
        self.socket.sendall(_connect_packet(client_id, will, keepalive_s, clean))
        answer = self.socket.recv(4)
        assert answer[0] == 0x20
        assert answer[3] == 0

    def closed(self):
        """Whether the broker closes the connection in time."""
        with contextlib.suppress(ConnectionError):
            return self.socket.recv(1) == b""
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Inbox:
    """Collects messages of a subscription."""

    def __init__(self, client, topic_filter):
        self.messages, self._arrived = [], threading.Condition()
        self.subscription = client.subscribe(topic_filter, self._take)
        if client.connected and not client.in_handler:
            # A broker takes one client's packets in order: with this acknowledged, the subscription holds.
            client.publish_and_wait("subscribed", b"", TIMEOUT_S)

    def _take(self, topic, payload):
        with self._arrived:
            self.messages.append((topic, payload))
            self._arrived.notify_all()

    def wait(self, condition):
        """Wait until the messages so far fulfil the condition."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: condition(self.messages), TIMEOUT_S), self.messages[:9]

    def wait_for(self, topic, payload):
        """Wait for one message."""
        self.wait(lambda messages: (topic, payload) in messages)


def abandon(client):
    """Drop the connection as a crash would: no goodbye, the broker publishes the will."""
    client._ended = True
    client._cut()
    client._stop()
