"""What the protocol needs of a broker, of mosquitto and of the embedded one alike."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import paho.mqtt.client as paho
import psutil
import pytest

from nasc_sdk.errors import InputError, MissingExtraError, StorageError
from nasc_sdk.mqtt import broker as broker_module
from nasc_sdk.mqtt.broker import answers, start_broker
from nasc_sdk.mqtt.broker_settings import mosquitto_settings
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import MAX_MESSAGE_BYTES
from tests.mqtt.brokers import TIMEOUT_S, Inbox, RawPeer, abandon, broker, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pair(running):
    with MqttClient(running.url, "sender") as sender, MqttClient(running.url, "receiver") as receiver:
        sender.connect(TIMEOUT_S)
        receiver.connect(TIMEOUT_S)
        yield sender, receiver


def will(name):
    return f"will/{name}".encode(), b"gone"


def test_the_last_will_comes_after_silence(running, pair):
    inbox = Inbox(pair[1], "will/silent")
    with RawPeer(running, b"silent", will=will("silent"), keepalive_s=1):
        inbox.wait_for("will/silent", b"gone")


def test_the_last_will_comes_after_a_cut(running, pair):
    inbox = Inbox(pair[1], "will/cut")
    client = MqttClient(running.url, "cut", will=("will/cut", b"gone", 1, True))
    client.connect(TIMEOUT_S)
    abandon(client)
    inbox.wait_for("will/cut", b"gone")


def test_no_last_will_after_a_goodbye(running, pair):
    inbox = Inbox(pair[1], "will/polite")
    with MqttClient(running.url, "polite", will=("will/polite", b"gone", 1, False)) as client:
        client.connect(TIMEOUT_S)
    pair[0].publish("will/polite", b"end")
    inbox.wait_for("will/polite", b"end")
    assert inbox.messages == [("will/polite", b"end")]


def test_the_same_client_id_takes_over(running):
    with RawPeer(running, b"twin") as first, RawPeer(running, b"twin"):
        assert first.closed()


def test_retained_messages_reach_subscribers_only(running, pair):
    sender, receiver = pair
    stranger = Inbox(receiver, "other/topic")
    sender.publish_and_wait("kept/one", b"state", TIMEOUT_S, retain=True)
    Inbox(receiver, "kept/#").wait_for("kept/one", b"state")
    sender.publish("other/topic", b"end")
    stranger.wait_for("other/topic", b"end")
    assert stranger.messages == [("other/topic", b"end")]
    # An empty payload takes it back.
    sender.publish_and_wait("kept/one", b"", TIMEOUT_S, retain=True)
    with MqttClient(running.url, "late") as late:
        inbox = Inbox(late, "kept/#")
        late.connect(TIMEOUT_S)
        sender.publish("kept/end", b"end")
        inbox.wait_for("kept/end", b"end")
        assert inbox.messages == [("kept/end", b"end")]


def test_acknowledged_messages_are_not_lost_at_our_rates(pair):
    """A window of chunks and the small messages of a busy site, at once."""
    sender, receiver = pair
    inbox = Inbox(receiver, "rate/#")
    expected = [(f"rate/{index}", bytes([index % 251]) * (65_000 if index % 16 == 0 else 200)) for index in range(800)]
    for topic, payload in expected:
        sender.publish(topic, payload)
    inbox.wait(lambda messages: len(messages) >= len(expected))
    assert inbox.messages == expected


def test_the_largest_message(pair):
    sender, receiver = pair
    inbox = Inbox(receiver, "large")
    payload = os.urandom(MAX_MESSAGE_BYTES)
    sender.publish("large", payload)
    inbox.wait_for("large", payload)


@contextlib.contextmanager
def resident(running, client_id, on_message=None):
    """A client whose session the broker keeps; ours never asks for that."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, clean_session=False)
    client.on_message = on_message
    client.connect(running.host, running.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def test_messages_wait_for_a_client_that_is_away(running, pair):
    came, subscribed = [], threading.Event()
    with resident(running, "away") as client:
        client.on_subscribe = lambda *_: subscribed.set()
        client.subscribe("away/#", 1)
        assert subscribed.wait(TIMEOUT_S)
    for index in range(50):
        pair[0].publish_and_wait("away/x", bytes([index]), TIMEOUT_S)
    with resident(running, "away", lambda _, __, message: came.append(message.payload)):
        wait_for(lambda: len(set(came)) == 50)
    assert sorted(set(came)) == [bytes([index]) for index in range(50)]


def test_it_listens_on_loopback_only(running):
    listening = [c for c in psutil.Process(running.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert [(c.laddr.ip, c.laddr.port) for c in listening] == [("127.0.0.1", running.port)]


def test_memory_stays_moderate(running, pair):
    """Messages that nobody keeps must not add up: 32 MB pass through one filter."""
    sender, receiver = pair
    inbox = Inbox(receiver, "memory")
    payload = bytes(64 << 10)
    for batch in range(8):
        for _ in range(64):
            sender.publish("memory", payload)
        inbox.wait(lambda messages, wanted=64 * (batch + 1): len(messages) >= wanted)
    assert psutil.Process(running.pid).memory_info().rss < 90 << 20


def test_closed_and_started_again_on_the_same_port(kind, tmp_path):
    with broker(kind, tmp_path) as first:
        assert first.kind == kind
        assert answers(first.host, first.port)
    assert not answers(first.host, first.port)
    with broker(kind, tmp_path, first.port) as second:
        assert second.url == first.url
        second.kill()
        assert not second.running


def test_mosquitto_keeps_retained_messages_over_kill_9(tmp_path):
    """All but what it acknowledged in the very instant: it acknowledges first and saves then."""
    with broker("mosquitto", tmp_path) as first, MqttClient(first.url, "sender") as sender:
        sender.connect(TIMEOUT_S)
        for name in "abc":
            sender.publish_and_wait(f"kept/{name}", b"state", TIMEOUT_S, retain=True)
        first.kill()
    with broker("mosquitto", tmp_path, first.port) as second, MqttClient(second.url, "reader") as reader:
        inbox = Inbox(reader, "kept/#")
        reader.connect(TIMEOUT_S)
        for name in "ab":
            inbox.wait_for(f"kept/{name}", b"state")


@pytest.mark.parametrize("thread", ["main", "short-lived"])
def test_it_ends_with_the_process_that_started_it(kind, thread, tmp_path):
    """Killed with -9; and a thread that ends must not take it along before."""
    program = (
        "import sys, threading; from pathlib import Path; from nasc_sdk.mqtt.broker import start_broker\n"
        "def run(): print(start_broker(sys.argv[1], state_dir=Path(sys.argv[2])).pid, flush=True)\n"
        "t = threading.Thread(target=run); (t.start(), t.join()) if sys.argv[3] != 'main' else run()\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, kind, str(tmp_path), thread]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        with pytest.raises(psutil.TimeoutExpired):
            child.wait(0.2)
        parent.send_signal(signal.SIGKILL)
        parent.wait(TIMEOUT_S)
        # No longer our child's child: whoever adopted it may leave it as a zombie.
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_taken_port_is_named_with_a_hint(running, tmp_path):
    with pytest.raises(InputError, match=f"--broker mqtt://127.0.0.1:{running.port}"):
        start_broker(running.kind, state_dir=tmp_path, port=running.port)
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(InputError, match="in use"):
        start_broker(running.kind, state_dir=tmp_path, port=other.getsockname()[1])


def test_auto_prefers_mosquitto_and_falls_back(monkeypatch, tmp_path):
    with start_broker("auto", state_dir=tmp_path) as first:
        assert first.kind == "mosquitto"
    monkeypatch.setattr(broker_module, "_find_mosquitto", lambda: None)
    with start_broker("auto", state_dir=tmp_path) as second:
        assert second.kind == "embedded"
    with pytest.raises(InputError, match="mosquitto is not installed"):
        start_broker("mosquitto", state_dir=tmp_path)


def test_mosquitto_is_found_where_a_users_path_does_not_look(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert broker_module._find_mosquitto()


def test_a_missing_package_names_its_extra(tmp_path):
    program = (
        "import sys; from pathlib import Path; sys.modules['iotcore'] = None\n"
        "from nasc_sdk.mqtt.broker import start_broker\n"
        "from nasc_sdk.errors import MissingExtraError\n"
        "try: start_broker('embedded', state_dir=Path(sys.argv[1]))\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, timeout=TIMEOUT_S)
    assert done.stdout.decode().strip() == str(MissingExtraError("iotcore", "broker")), done.stderr


def test_directories_that_cannot_be_used(kind, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        start_broker(kind, state_dir=tmp_path / "file")
    with broker(kind, tmp_path / "with space") as process:
        assert answers(process.host, process.port)
    with pytest.raises(InputError):
        mosquitto_settings("127.0.0.1", 1, tmp_path / "two\nlines")
