"""The client against both brokers: reconnects, bounds, handlers, and leaving nothing behind."""

import os
import signal
import socket
import subprocess
import threading
import time

import psutil
import pytest

from nasc_sdk.errors import InputError, RemoteProtocolError, UnreachableError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import MAX_MESSAGE_BYTES
from tests.mqtt.brokers import TIMEOUT_S, Inbox, abandon, broker, wait_for


@pytest.fixture
def client(running):
    with MqttClient(running.url, "client") as client:
        yield client


@pytest.fixture
def own(kind, tmp_path):
    """A broker to kill."""
    with broker(kind, tmp_path) as process:
        yield process


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_connected_means_subscribed(running, client):
    inbox = Inbox(client, "ready/#")
    client.connect(TIMEOUT_S)
    assert client.connected
    with MqttClient(running.url, "other") as other:
        other.connect(TIMEOUT_S)
        other.publish("ready/now", b"x", qos=0)
        inbox.wait_for("ready/now", b"x")


def test_what_is_published_before_connecting_arrives(client):
    inbox = Inbox(client, "early/#")
    client.publish("early/one", b"1")
    client.connect(TIMEOUT_S)
    inbox.wait_for("early/one", b"1")


def test_a_handler_may_publish_and_wait(client):
    inbox = Inbox(client, "answer")

    def answer(topic, payload):
        assert client.in_handler
        client.publish_and_wait("answer", payload, TIMEOUT_S)

    client.subscribe("question", answer)
    client.connect(TIMEOUT_S)
    client.publish("question", b"?")
    inbox.wait_for("answer", b"?")
    assert not client.in_handler
    assert client.failures == 0


@pytest.mark.parametrize("error", [RemoteProtocolError("t", "bad"), ValueError("bug"), UnreachableError("x", "y")])
def test_a_handler_that_raises_is_counted_and_harms_no_other(client, error):
    def fail(topic, payload):
        raise error

    client.subscribe("fail/#", fail)
    inbox = Inbox(client, "fail/+")
    client.connect(TIMEOUT_S)
    client.publish("fail/1", b"1")
    client.publish("fail/2", b"2")
    inbox.wait_for("fail/1", b"1")
    inbox.wait_for("fail/2", b"2")
    assert client.failures >= 2


def test_an_ended_subscription_is_silent(client):
    first, second = Inbox(client, "same"), Inbox(client, "same")
    client.connect(TIMEOUT_S)
    client.publish("same", b"1")
    first.wait_for("same", b"1")
    first.subscription.close()
    first.subscription.close()
    client.publish("same", b"2")
    second.wait_for("same", b"2")
    assert ("same", b"2") not in first.messages
    second.subscription.close()
    with client.subscribe("same", lambda *_: None):
        pass


def test_a_full_inbox_drops_and_counts(running):
    gate = threading.Event()
    with MqttClient(running.url, "small", max_queue=8) as client, MqttClient(running.url, "sender") as sender:
        seen = []
        client.subscribe("flood", lambda _, payload: (gate.wait(TIMEOUT_S), seen.append(payload)))
        client.connect(TIMEOUT_S)
        sender.connect(TIMEOUT_S)
        for index in range(50):
            sender.publish("flood", bytes([index]))
        wait_for(lambda: client.dropped >= 41)
        gate.set()
        wait_for(lambda: len(seen) + client.dropped == 50)
        assert client.connected


def test_the_outgoing_queue_is_bounded():
    client = MqttClient(f"mqtt://127.0.0.1:{free_port()}", "full", max_queue=5)
    for _ in range(5):
        client.publish("t", b"x")
    with pytest.raises(UnreachableError, match="5 messages are waiting"):
        client.publish("t", b"x")
    client.close()


def test_too_large_is_refused_before_the_broker_cuts_the_connection(client):
    client.connect(TIMEOUT_S)
    with pytest.raises(InputError):
        client.publish("large", bytes(MAX_MESSAGE_BYTES + 1))
    assert client.connected


def test_no_broker():
    with MqttClient(f"mqtt://127.0.0.1:{free_port()}", "alone") as client:
        with pytest.raises(UnreachableError, match=r"Connection refused; start one with: nasc-sdk up"):
            client.connect(0.3)
        assert not client.connected


def test_an_unknown_host():
    with MqttClient("mqtt://no-such-host.invalid", "alone") as client, pytest.raises(UnreachableError):
        client.connect(0.1)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_that_is_no_broker(words):
    """It takes connections and says nothing, or something else."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                with taken:
                    taken.recv(100)
                    taken.sendall(words)
                    if not words:
                        taken.recv(100)

        thread = threading.Thread(target=talk)
        thread.start()
        client = MqttClient(f"mqtt://127.0.0.1:{server.getsockname()[1]}", "lost")
        with pytest.raises(UnreachableError, match="does not answer"):
            client.connect(0.5)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()


def test_a_broker_that_comes_up_late(kind, tmp_path):
    port = free_port()
    with MqttClient(f"mqtt://127.0.0.1:{port}", "patient") as client:
        thread = threading.Thread(target=client.connect, args=(TIMEOUT_S,))
        thread.start()
        with broker(kind, tmp_path, port):
            thread.join(TIMEOUT_S)
            assert client.connected


def test_a_client_can_connect_again_after_failing(own):
    own.close()
    with MqttClient(own.url, "again") as client:
        for _ in range(2):
            with pytest.raises(UnreachableError):
                client.connect(0.2)


def test_a_client_can_connect_again_after_closing(running):
    client = MqttClient(running.url, "reborn")
    inbox = Inbox(client, "reborn/#")
    for number in range(3):
        client.connect(TIMEOUT_S)
        client.publish(f"reborn/{number}", b"x")
        inbox.wait_for(f"reborn/{number}", b"x")
        client.close()


def test_after_a_restart_subscriptions_and_callbacks_are_back(own, kind, tmp_path):
    connects = []
    with MqttClient(own.url, "back") as client:
        inbox = Inbox(client, "back/#")
        client.on_connect(lambda: connects.append(client.publish_and_wait("back/hello", b"", TIMEOUT_S)))
        client.connect(TIMEOUT_S)
        wait_for(lambda: len(connects) == 1)
        own.kill()
        wait_for(lambda: not client.connected)
        client.publish("back/queued", b"while away")
        with broker(kind, tmp_path, own.port):
            inbox.wait_for("back/queued", b"while away")
            wait_for(lambda: len(connects) == 2)
            assert client.connections == 2
            client.publish("back/later", b"1")
            inbox.wait_for("back/later", b"1")
            client.close()


def test_waiting_for_an_acknowledgement_ends(own):
    with MqttClient(own.url, "waiting") as client:
        client.connect(TIMEOUT_S)
        own.kill()
        with pytest.raises(UnreachableError, match="did not take a message for t"):
            client.publish_and_wait("t", b"x", 0.2)


def test_closing_sends_what_is_queued(running):
    with MqttClient(running.url, "reader") as reader:
        inbox = Inbox(reader, "burst")
        reader.connect(TIMEOUT_S)
        with MqttClient(running.url, "writer", max_inflight=4) as writer:
            writer.connect(TIMEOUT_S)
            for index in range(100):
                writer.publish("burst", index.to_bytes(2, "big"))
        inbox.wait(lambda messages: len(messages) >= 100)
    with pytest.raises(UnreachableError, match="closed"):
        writer.publish("burst", b"late")


def test_closing_twice_never_connected_and_from_a_handler(running):
    MqttClient(running.url, "never").close()
    client, closed = MqttClient(running.url, "inside"), threading.Event()
    client.subscribe("bye", lambda *_: (client.close(), closed.set()))
    client.connect(TIMEOUT_S)
    client.publish("bye", b"")
    assert closed.wait(TIMEOUT_S)
    client.close()


def test_closing_on_a_broker_that_hangs(own):
    """Stopped, it takes neither what is queued nor a goodbye: closing gives up."""
    client = MqttClient(own.url, "stuck")
    client.connect(TIMEOUT_S)
    os.kill(own.pid, signal.SIGSTOP)
    try:
        for _ in range(200):
            client.publish("t", bytes(60_000))
        closing = threading.Thread(target=client.close, args=(0.2,))
        closing.start()
        closing.join(TIMEOUT_S)
        assert not closing.is_alive()
    finally:
        os.kill(own.pid, signal.SIGCONT)


def test_nothing_is_left_behind(running):
    process = psutil.Process()
    with MqttClient(running.url, "warm") as client:
        client.connect(TIMEOUT_S)
    threads, files = set(threading.enumerate()), process.num_fds()
    for index in range(10):
        client = MqttClient(running.url, f"leak-{index}")
        client.subscribe("x", lambda *_: None)
        client.connect(TIMEOUT_S)
        client.publish("x", b"1")
        abandon(client) if index == 5 else client.close()
        del client
    assert set(threading.enumerate()) == threads
    assert process.num_fds() <= files


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Debian's mosquitto with a password and TLS: ports of plain and TLS listeners, and the certificate."""
    directory = tmp_path_factory.mktemp("guarded")
    key, certificate, passwords = (directory / name for name in ("key.pem", "cert.pem", "passwords"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "me", "p@ss"], check=True, timeout=TIMEOUT_S)
    plain, secure = free_port(), free_port()
    config = directory / "mosquitto.conf"
    config.write_text(
        f"user root\nallow_anonymous false\npassword_file {passwords}\nlistener {plain} 127.0.0.1\n"
        f"listener {secure} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
    )
    with subprocess.Popen(["/usr/sbin/mosquitto", "-c", config], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _listens(plain) and _listens(secure))
            yield plain, secure, certificate
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_wrong_password_ends_at_once_and_stays_ended(guarded):
    threads = set(threading.enumerate())
    with MqttClient(f"mqtt://me:wrong@127.0.0.1:{guarded[0]}", "intruder") as client:
        before = time.monotonic()
        with pytest.raises(UnreachableError, match="Not authorized") as caught:
            client.connect(60.0)
        assert time.monotonic() - before < TIMEOUT_S
        assert "wrong" not in str(caught.value)
    assert set(threading.enumerate()) == threads


@pytest.mark.parametrize("secure", [False, True])
def test_the_right_password(guarded, secure):
    plain, tls, certificate = guarded
    place = f"mqtts://me:p%40ss@127.0.0.1:{tls}?ca={certificate}" if secure else f"mqtt://me:p%40ss@127.0.0.1:{plain}"
    with MqttClient(place, "me") as client:
        inbox = Inbox(client, "in/#")
        client.connect(TIMEOUT_S)
        payload = os.urandom(300_000)
        client.publish("in/side", payload)
        inbox.wait_for("in/side", payload)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_certificate_nobody_vouches_for(guarded):
    client = MqttClient(f"mqtts://me:p%40ss@127.0.0.1:{guarded[1]}", "careful")
    with pytest.raises(UnreachableError, match="not trusted"):
        client.connect(60.0)


def test_certificates_that_are_not_there(tmp_path):
    with pytest.raises(InputError):
        MqttClient(f"mqtts://127.0.0.1?ca={tmp_path}/none.pem", "careless")
