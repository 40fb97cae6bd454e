"""``watch`` and ``broker`` as processes, and the words for every message."""

import json
import signal
import subprocess
import sys

import psutil
import pytest

from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.observe import describe
from nasc_sdk.protocol.messages import DeployReported, LatencyReport, LinkReport, ProfileResult, ServiceEvent, State
from nasc_sdk.protocol.messages import encode as encode_message
from nasc_sdk.protocol.topics import SERVICE, Topics, device_of
from tests.mqtt.brokers import TIMEOUT_S, wait_for
from tests.protocol.examples import EXAMPLES

pytestmark = pytest.mark.system
TOPICS = Topics("lab", "board")
PLACES = {
    State: TOPICS.state,
    LinkReport: TOPICS.link,
    DeployReported: TOPICS.deploy_reported,
    LatencyReport: TOPICS.latency,
    ProfileResult: TOPICS.profile_result,
    ServiceEvent: Topics("lab", SERVICE).service_event,
}
WATCHED = [message for message in EXAMPLES if type(message) in PLACES]


def nasc(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "nasc_sdk", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_watch_shows_every_kind_of_message(running):
    with MqttClient(running.url, "site") as client:
        client.connect(TIMEOUT_S)
        for message in WATCHED:
            # Retained, so that it does not matter whether they come before the watcher.
            client.publish_and_wait(PLACES[type(message)], encode_message(message), TIMEOUT_S, retain=True)
        client.publish_and_wait(Topics("lab", "bad").state, b"nonsense", TIMEOUT_S, retain=True)
        arguments = ["watch", "--broker", running.url, "--site", "lab", "--seconds", "1"]
        with nasc(*arguments) as as_text, nasc(*arguments, "--json") as as_json:
            text, lines = (each.communicate(timeout=TIMEOUT_S)[0].decode() for each in (as_text, as_json))
        for topic in (*PLACES.values(), Topics("lab", "bad").state):
            client.publish_and_wait(topic, b"", TIMEOUT_S, retain=True)
    assert as_text.returncode == as_json.returncode == 0
    documents = [json.loads(line) for line in lines.splitlines()]
    for message in WATCHED:
        device = device_of(PLACES[type(message)])
        assert describe(device, message) in text
        body = json.loads(encode_message(message))
        assert {"device": device, "kind": type(message).__name__, "message": body} in documents
    assert len(documents) == len(text.splitlines()) == len(WATCHED)


def test_figures_have_units():
    words = {type(message): describe("pi", message) for message in WATCHED}
    assert "Mbit/s" in words[LinkReport]
    assert "ms" in words[LinkReport]
    assert "p95 6.00 ms" in words[LatencyReport]
    assert len(set(words.values())) == len(WATCHED)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_broker_verb(kind, end, tmp_path):
    with nasc("broker", "--kind", kind, "--port", "0", "--state-dir", str(tmp_path), "--json") as process:
        ready = json.loads(process.stdout.readline())
        assert ready["kind"] == kind
        (child,) = psutil.Process(process.pid).children()
        with MqttClient(ready["url"], "one") as client:
            client.connect(TIMEOUT_S)
        process.send_signal(end)
        process.wait(TIMEOUT_S)
    assert process.returncode == (-end if end == signal.SIGKILL else 0)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_the_broker_verb_ends_with_its_broker(kind, tmp_path):
    with nasc("broker", "--kind", kind, "--port", "0", "--state-dir", str(tmp_path), "--json") as process:
        process.stdout.readline()
        (child,) = psutil.Process(process.pid).children()
        child.kill()
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 4
    assert b"ended by itself" in err
