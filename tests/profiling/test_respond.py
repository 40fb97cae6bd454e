"""Profile requests over a real broker: answered once, kept over a restart, refused with a code."""

import contextlib
import json
import queue
import threading

import numpy as np
import pytest

from nasc_sdk.bundle import sha256
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.measure import measure
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan, pack
from nasc_sdk.profiling.respond import KEPT_RESULTS, UNREADABLE, ProfileResponder
from nasc_sdk.protocol.chunks import Chunk
from nasc_sdk.protocol.chunks import encode as encode_chunk
from nasc_sdk.protocol.messages import Artifact, ProfileCancel, ProfileRequest, ProfileResult, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.edge.brokers import mosquitto
from tests.support.tiny_models import conv_chain

TIMEOUT_S = 20.0
TOPICS = Topics("lab", "board")
MODEL = conv_chain(quantized=False)
INPUT = np.random.default_rng(0).normal(size=(1, 8, 8, 4)).astype("<f4").tobytes()
PLAN = pack(ProfilePlan((PlanItem("key", "title", "8x8x4", MODEL, INPUT, "float32"),)))
ARTIFACT = Artifact(sha256(PLAN), len(PLAN))


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with mosquitto(tmp_path_factory.mktemp("broker")) as url:
        yield url


class Bench:
    """A responder and its asker, who offers the plan; both over the broker."""

    def __init__(self, url, directory):
        self.directory, self.runs, self.bug, self.gate = directory, [], None, None
        self.began = threading.Event()
        self.results = queue.Queue()
        self.asker, self.client = MqttClient(url, "asker"), MqttClient(url, "board")
        self.shelf = ArtifactShelf(self.asker, "lab")
        self.shelf.put(PLAN)
        self.asker.subscribe(TOPICS.profile_result, self.on_result)
        self.asker.connect(TIMEOUT_S)
        self.start()
        self.client.connect(TIMEOUT_S)
        self.await_subscriptions()

    def await_subscriptions(self):
        """Connected is not yet subscribed: ask nonsense until it is answered."""
        for _ in range(100):
            self.ask_raw(b"ready?")
            with contextlib.suppress(queue.Empty):
                assert self.results.get(timeout=TIMEOUT_S / 100).request_id == UNREADABLE
                return
        raise AssertionError("the responder does not answer")

    def start(self):
        self.responder = ProfileResponder(self.client, TOPICS, "board", self.directory, self.run, fetch_timeout_s=1.0)

    def run(self, plan, request, progress):
        self.runs.append(request.request_id)
        self.began.set()
        if self.bug is not None:
            raise self.bug
        if self.gate is not None:
            assert self.gate.wait(TIMEOUT_S)
        runtime = open_runtime()
        return measure(
            plan, runtime, Kernels.XNNPACK, device="board", rounds=request.rounds, progress=progress
        )

    def on_result(self, topic, payload):
        self.results.put(decode(ProfileResult, bytes(payload), topic))

    def ask_raw(self, payload):
        self.asker.publish(TOPICS.profile_request, payload)

    def ask(self, request_id, plan=ARTIFACT):
        self.ask_raw(encode(ProfileRequest(request_id=request_id, plan=plan, rounds=1)))

    def cancel(self, request_id):
        self.asker.publish(TOPICS.profile_cancel, encode(ProfileCancel(request_id=request_id)))

    def await_cancelled(self, request_id):
        """On return the responder has heard it: its client takes messages in order."""
        self.cancel(request_id)
        self.ask_raw(b"heard?")
        assert self.results.get(timeout=TIMEOUT_S).request_id == UNREADABLE

    def answer(self):
        """The next answer to a request that was one."""
        while (result := self.results.get(timeout=TIMEOUT_S)).request_id == UNREADABLE:
            continue
        return result

    def close(self):
        if self.gate is not None:
            self.gate.set()
        self.responder.close()
        self.client.close()
        self.asker.close()


@pytest.fixture
def bench(broker, tmp_path):
    bench = Bench(broker, tmp_path)
    yield bench
    bench.close()


def test_the_same_request_is_measured_once(bench):
    bench.ask("r1")
    first = bench.answer()
    assert first.profile.device == "board"
    assert [block.key for block in first.profile.blocks] == ["key"]
    bench.ask("r1")
    assert bench.answer() == first
    assert bench.runs == ["r1"]


def test_a_restart_forgets_nothing(bench):
    bench.ask("r1")
    first = bench.answer()
    again = ProfileResponder(bench.client, Topics("lab", "other"), "board", bench.directory, bench.run)
    again._on_request("topic", encode(ProfileRequest(request_id="r1", plan=ARTIFACT)))
    again.close()
    assert bench.runs == ["r1"]
    stored = json.loads((bench.directory / "results" / "r1.json").read_bytes())
    assert stored["profile"]["blocks"][0]["timing"]["median"] == first.profile.blocks[0].timing.median


def test_a_repeat_while_measuring_starts_nothing(bench):
    bench.gate = threading.Event()
    for _ in range(3):
        bench.ask("r1")
    bench.gate.set()
    assert bench.answer().profile is not None
    bench.ask("r2")
    assert bench.answer().request_id == "r2"
    assert bench.runs == ["r1", "r2"]


def test_too_many_are_told_so(bench):
    bench.gate = threading.Event()
    for number in range(8):
        bench.ask(f"r{number}")
    assert bench.answer().code == "busy"
    bench.gate.set()


def assert_refused_then_measured(bench, code, mend):
    bench.ask("r1")
    assert bench.answer().code == code
    mend()
    bench.ask("r1")
    assert bench.answer().profile is not None


def test_a_plan_that_nobody_offers_is_asked_for_again(bench):
    bench.shelf.drop(ARTIFACT.sha256)
    assert_refused_then_measured(bench, "unreachable", lambda: bench.shelf.put(PLAN))


def test_a_plan_of_other_bytes_is_not_run(bench):
    bench.shelf.drop(ARTIFACT.sha256)
    lie = encode_chunk(Chunk(ARTIFACT.sha256, 0, 1, ARTIFACT.size, bytes(ARTIFACT.size)))
    topic = TOPICS.artifact_chunk(ARTIFACT.sha256, 0)
    liar = bench.asker.subscribe(
        TOPICS.artifact_request(ARTIFACT.sha256), lambda *_: bench.asker.publish(topic, lie)
    )

    def mend():
        liar.close()
        bench.shelf.put(PLAN)

    assert_refused_then_measured(bench, "digest_mismatch", mend)
    assert bench.runs == ["r1"]


def test_a_bug_while_measuring_is_answered(bench):
    bench.bug = RuntimeError("bug")
    assert_refused_then_measured(bench, "failed", lambda: setattr(bench, "bug", None))


def test_a_plan_that_is_none(bench):
    bench.ask("r1", bench.shelf.put(b"nonsense"))
    assert bench.answer().code == "bad_plan"


def test_results_on_disk_are_bounded(bench):
    for number in range(KEPT_RESULTS + 4):
        bench.ask(f"r{number}")
        bench.answer()
    assert len(list((bench.directory / "results").iterdir())) == KEPT_RESULTS
    assert list((bench.directory / "plans").iterdir()) == []


def test_closing_in_the_middle_of_a_measurement(bench):
    bench.gate = threading.Event()
    bench.ask("r1")
    bench.gate.set()
    bench.responder.close()
    assert not bench.responder._thread.is_alive()


def test_a_measurement_that_is_cancelled_ends_at_its_next_step(bench):
    bench.gate = threading.Event()
    bench.ask("r1")
    assert bench.began.wait(TIMEOUT_S)
    bench.await_cancelled("r1")
    bench.gate.set()
    assert bench.answer().code == "cancelled"
    bench.ask("r1")
    assert bench.answer().profile is not None, "asked for again it is measured"


def test_one_that_waits_is_cancelled_before_it_begins(bench):
    bench.gate = threading.Event()
    for name in ("r1", "r2", "r3"):
        bench.ask(name)
    bench.await_cancelled("r2")
    bench.gate.set()
    answers = {answer.request_id: answer.code for answer in (bench.answer() for _ in range(3))}
    assert answers == {"r1": "", "r2": "cancelled", "r3": ""}
    assert bench.runs == ["r1", "r3"]


def test_a_plan_that_does_not_come_is_waited_for_no_longer(bench):
    bench.shelf.drop(ARTIFACT.sha256)
    bench.responder._fetch_timeout_s = 10 * TIMEOUT_S
    bench.ask("r1")
    bench.cancel("r1")
    assert bench.answer().code == "cancelled"
    assert bench.runs == []


def test_cancelling_what_is_not_there_changes_nothing(bench):
    bench.await_cancelled("r1")
    bench.ask("r1")
    assert bench.answer().profile is not None
