"""How long a device may take, over a real broker with a scripted device: as long as it says how far it is."""

import threading

import pytest

from nasc_sdk.errors import StoppedError, UnreachableError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.profiling.profile import Conditions, Profile
from nasc_sdk.protocol.messages import ProfileCancel, ProfileProgress, ProfileRequest, ProfileResult, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_search.service import measuring
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.measuring import PROGRESS, RESULT, Measuring

pytestmark = pytest.mark.system

SITE, DEVICE, TIMEOUT_S = "lab", "board", 20.0
TOPICS = Topics(SITE, DEVICE)
PLAN = ProfilePlan((PlanItem("k", "unit", "1", b"model", b"input"),))
FOUND = Profile(DEVICE, Conditions("firmware", "dsp", 1, "board", "m4"), ())
SILENT_S = 1.0


class Device:
    """Says how far it is so often, then, unless it is ``mute``, gives its profile; heeds cancelling."""

    def __init__(self, url, times, mute):
        self.client, self.times, self.mute = MqttClient(url, "device"), times, mute
        self.cancelled, self._threads = threading.Event(), []
        self.client.subscribe(TOPICS.profile_request, self._on_request)
        self.client.subscribe(TOPICS.profile_cancel, self._on_cancel)
        self.client.connect(TIMEOUT_S)

    def _on_request(self, topic, payload):
        name = decode(ProfileRequest, payload, topic).request_id
        if not self._threads:
            self._threads.append(threading.Thread(target=self._measure, args=(name,)))
            self._threads[0].start()

    def _measure(self, name):
        for done in range(self.times):
            progress = ProfileProgress(request_id=name, done=done, total=self.times, label="unit")
            self.client.publish(TOPICS.profile_progress, encode(progress), qos=0)
            if self.cancelled.wait(SILENT_S / 2):
                self.client.publish(TOPICS.profile_result, encode(ProfileResult(request_id=name, code="cancelled")))
                return
        if not self.mute:
            self.client.publish(TOPICS.profile_result, encode(ProfileResult(request_id=name, profile=FOUND)))

    def _on_cancel(self, topic, payload):
        decode(ProfileCancel, payload, topic)
        self.cancelled.set()

    def close(self):
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        self.client.close()


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A function that measures with a device of some behaviour."""
    monkeypatch.setattr(measuring, "SILENT_S", SILENT_S)
    monkeypatch.setattr(measuring, "_LOOK_S", 0.1)
    mailbox, devices = Mailbox(), []
    with start_broker(state_dir=tmp_path) as broker, MqttClient(broker.url, "service") as client:
        for topic, kind, name in (
            (TOPICS.profile_result, ProfileResult, RESULT),
            (TOPICS.profile_progress, ProfileProgress, PROGRESS),
        ):

            def put(topic, payload, kind=kind, name=name):
                message = decode(kind, payload, topic)
                mailbox.put(name, message.request_id, message)

            client.subscribe(topic, put)
        client.connect(TIMEOUT_S)

        def measure(times, mute, progress=lambda *_: None, check=lambda: None):
            devices.append(Device(broker.url, times, mute))
            asking = Measuring(client, SITE, ArtifactShelf(client, SITE), mailbox, check)
            return asking.measure(DEVICE, PLAN, 1, progress)

        yield measure, devices
        for device in devices:
            device.close()


def test_a_device_that_says_how_far_it_is_may_take_longer_than_a_silent_one(bench):
    measure, _ = bench
    told = []
    assert measure(5, False, lambda *step: told.append(step)) == FOUND
    assert told[-1][1:] == (5, "board: unit")


def test_a_silent_one_is_told_to_stop(bench, monkeypatch):
    monkeypatch.setattr(measuring, "_STOP_S", 0.1)
    measure, devices = bench
    with pytest.raises(UnreachableError, match="gave no profile; it may say nothing for 1 s"):
        measure(0, True)
    assert devices[0].cancelled.wait(TIMEOUT_S)


def test_one_that_is_given_up_is_stopped_and_heard(bench):
    measure, devices = bench

    def give_up(*_):
        raise StoppedError("asked to")

    with pytest.raises(StoppedError, match="asked to; board measures no more"):
        measure(100, True, give_up)
    assert devices[0].cancelled.is_set()
