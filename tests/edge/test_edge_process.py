"""``nasc-sdk edge`` as a process against a real broker: state, last will, deployments, restart."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import time

import pytest

from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.bundle import sha256
from nasc_sdk.link.shape import parse_address
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.frames import Status
from nasc_sdk.protocol.messages import (
    Artifact,
    DeployDesired,
    DeployReported,
    DeployStatus,
    ProfileResult,
    Role,
    State,
    decode,
    encode,
)
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.select import open_runtime
from tests.edge.brokers import mosquitto
from tests.edge.bundles import payload_of, tail_bundle
from tests.edge.clients import TIMEOUT_S, Client

pytestmark = pytest.mark.system
TOPICS = Topics("lab", "edge")
BUNDLE = tail_bundle()
CONTRACT = BUNDLE.manifest.contract.id
ARTIFACT = Artifact(sha256(BUNDLE.pack()), len(BUNDLE.pack()))


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with mosquitto(tmp_path_factory.mktemp("broker")) as url:
        yield url


class Observer:
    """Reads what the edge server publishes."""

    def __init__(self, url):
        self.client = MqttClient(url, "observer")
        self.messages = queue.Queue()
        for topic in (TOPICS.state, TOPICS.deploy_reported, TOPICS.profile_result):
            self.client.subscribe(topic, lambda topic, payload: self.messages.put((topic, bytes(payload))))
        self.client.connect(TIMEOUT_S)

    def wait(self, kind, topic, condition):
        deadline = time.monotonic() + TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                seen, payload = self.messages.get(timeout=left)
                if seen == topic and condition(message := decode(kind, payload, topic)):
                    return message
        raise AssertionError(f"no such {kind.__name__}")

    def state(self, condition):
        return self.wait(State, TOPICS.state, condition)

    def reported(self, condition):
        return self.wait(DeployReported, TOPICS.deploy_reported, condition)

    def publish(self, topic, payload, *, retain=False):
        self.client.publish(topic, payload, qos=1, retain=retain)


@pytest.fixture
def observer(broker):
    observer = Observer(broker)
    yield observer
    observer.publish(TOPICS.deploy_desired, b"", retain=True)
    observer.client.close()


@contextlib.contextmanager
def edge(broker, directory, end=signal.SIGTERM):
    command = [
        sys.executable,
        "-m",
        "nasc_sdk",
        "edge",
        "--broker",
        broker,
        "--site",
        "lab",
        "--grace-s",
        "0.2",
    ]
    command += ["--state-dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(end)
            code = process.wait(TIMEOUT_S)
        assert code == (0 if end == signal.SIGTERM else -end)


def test_from_start_to_end(broker, observer, tmp_path):
    TailStore(tmp_path / "tails", load_litert(open_runtime(), check=False)).install(BUNDLE.pack())
    with edge(broker, tmp_path) as ready:
        state = observer.state(lambda state: state.online)
        assert state.role is Role.EDGE
        assert state.contracts == (CONTRACT,)
        assert state.address == ready["listen"]
        assert state.capabilities.conditions.runtime == ready["runtime"]
        with Client(parse_address(ready["listen"])[1]) as client:
            assert client.ask(CONTRACT, payload_of()).status is Status.OK

        observer.publish(TOPICS.deploy_desired, b"nonsense")
        assert observer.reported(lambda r: r.code == "bad_message").status is DeployStatus.REFUSED
        observer.publish(TOPICS.profile_request, b"nonsense")
        observer.wait(ProfileResult, TOPICS.profile_result, lambda result: result.code == "bad_message")

        observer.publish(TOPICS.deploy_desired, encode(DeployDesired(version=1, bundles=(ARTIFACT,))))
        assert observer.reported(lambda r: r.version == 1).contracts == (CONTRACT,)
        observer.publish(TOPICS.deploy_desired, encode(DeployDesired(version=2, bundles=())))
        assert observer.reported(lambda r: r.version == 2).status is DeployStatus.ACTIVE
        observer.state(lambda state: state.contracts == ())
    assert not observer.state(lambda state: not state.online).contracts


def test_killed_and_started_again(broker, observer, tmp_path):
    TailStore(tmp_path / "tails", load_litert(open_runtime(), check=False)).install(BUNDLE.pack())
    with edge(broker, tmp_path, end=signal.SIGKILL):
        first = observer.state(lambda state: state.online).session
    assert observer.state(lambda state: not state.online).session == first
    with edge(broker, tmp_path) as ready:
        assert ready["contracts"] == [CONTRACT]
        assert observer.state(lambda state: state.online).session == first + 1
        with Client(parse_address(ready["listen"])[1]) as client:
            assert client.ask(CONTRACT, payload_of()).status is Status.OK
