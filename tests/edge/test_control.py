"""The edge server's MQTT side in this process, over a real broker: trouble with the disk, senders that are gone."""

import contextlib
import queue
import threading

import pytest

from nasc_edge.control import EdgeControl, Identity
from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import Artifact, DeployDesired, DeployReported, DeployStatus, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.select import open_runtime
from tests.edge.brokers import mosquitto
from tests.edge.bundles import tail_bundle
from tests.edge.clients import TIMEOUT_S
from tests.support.disks import file_size_limit

pytestmark = pytest.mark.system
PATIENCE_S = 5.0
"""With something that should be over at once, on a busy machine."""
TOPICS = Topics("lab", "edge")
OLD, NEW = (tail_bundle(seed=seed).pack() for seed in range(2))
NOBODY_HAS = Artifact("ab" * 32, 10_000)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with mosquitto(tmp_path_factory.mktemp("broker")) as url:
        yield url


class Sender:
    """Serves both bundles, desires, and reads what is reported."""

    def __init__(self, client):
        self.client, self.reports = client, queue.Queue()
        self.shelf = ArtifactShelf(client, "lab")
        self.old, self.new = self.shelf.put(OLD), self.shelf.put(NEW)
        client.subscribe(TOPICS.deploy_reported, self._on_reported)

    def _on_reported(self, topic, payload):
        if payload:
            self.reports.put(decode(DeployReported, payload, topic))

    def desire(self, version, *artifacts):
        self.client.publish_and_wait(
            TOPICS.deploy_desired, encode(DeployDesired(version=version, bundles=artifacts)), TIMEOUT_S
        )

    def reported(self, version, status):
        while True:
            report = self.reports.get(timeout=TIMEOUT_S)
            if (report.version, report.status) == (version, status):
                return report


@pytest.fixture
def sender(broker):
    with MqttClient(broker, "sender") as client:
        sender = Sender(client)
        client.connect(TIMEOUT_S)
        yield sender
        client.publish_and_wait(TOPICS.deploy_reported, b"", TIMEOUT_S, retain=True)


@pytest.fixture
def control(broker, sender, tmp_path):
    """An edge server's control that holds the old tail as version 1."""
    runtime = open_runtime()
    store = TailStore(tmp_path / "tails", load_litert(runtime, check=False))
    control = EdgeControl(broker, Identity("lab", "edge", "127.0.0.1:9"), store, runtime, tmp_path, grace_s=0.0)
    control.start(TIMEOUT_S)
    try:
        sender.desire(1, sender.old)
        sender.held = sender.reported(1, DeployStatus.ACTIVE).contracts
        yield control
    finally:
        control.close()


@contextlib.contextmanager
def taken(place):
    """The name of a directory that is empty belongs to a file."""
    place.rmdir()
    place.write_text("somebody else's")
    yield
    place.unlink()


@pytest.mark.usefixtures("control")
@pytest.mark.parametrize("code", ["disk_full", "storage_failed"])
def test_a_disk_that_takes_nothing(sender, tmp_path, code):
    trouble = file_size_limit(len(NEW) - 1) if code == "disk_full" else taken(tmp_path / "pulled")
    with trouble:
        sender.desire(2, sender.new)
        report = sender.reported(2, DeployStatus.REFUSED)
    assert (report.code, report.contracts) == (code, sender.held)
    sender.desire(3, sender.new)
    assert sender.reported(3, DeployStatus.ACTIVE).contracts != sender.held


def test_closing_does_not_wait_for_a_pull_that_stalls(control, sender):
    sender.desire(2, NOBODY_HAS)
    sender.reported(2, DeployStatus.PULLING)
    closing = threading.Thread(target=control.close)
    closing.start()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert all(thread.name != "deploy" for thread in threading.enumerate())


@pytest.mark.usefixtures("control")
def test_a_message_that_is_none_does_not_hide_the_last_verdict(broker, sender):
    sender.client.publish_and_wait(TOPICS.deploy_desired, b"nonsense", TIMEOUT_S)
    assert sender.reported(0, DeployStatus.REFUSED).code == "bad_message"
    with MqttClient(broker, "later") as client:
        later = Sender(client)
        client.connect(TIMEOUT_S)
        assert later.reports.get(timeout=TIMEOUT_S).version == 1
