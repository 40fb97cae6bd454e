"""Faults around the whole loop: a broker that dies half-way, a service that is gone, messages that are none."""

import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.cli.asking import ask_service
from nasc_sdk.errors import NascError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import ServiceRequest, ServiceVerb, encode
from nasc_sdk.protocol.topics import SERVICE, Topics
from nasc_search.service.service import MAX_JOBS
from tests.mqtt.brokers import Inbox, broker
from tests.service.loops import BOARD, EDGE, SITE, SPACE, TIMEOUT_S, open_loop, serving

GOOD = {"throughput_mbit_s": 1000.0, "round_trip_ms": 0.1}
IMAGE = np.full((8, 8, 1), 100, np.uint8)
SERVICE_TOPICS = Topics(SITE, SERVICE)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("loop")) as running:
        running.profile()
        yield running


def in_background(function):
    """A thread and the list that gets what the function returned."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    return thread, results


def answers(loop):
    """Whether the board answers, and under which contract."""
    with AgentClient(loop.agent, timeout_s=TIMEOUT_S) as client:
        return client.infer(IMAGE).contract


def test_a_broker_restarted_in_the_middle_of_a_profile_costs_no_second_one(loop):
    results = loop.directory / "agent" / "profiles" / "results"
    before = set(results.iterdir())
    begun = threading.Event()
    with loop.client.subscribe(Topics(SITE, BOARD).profile_progress, lambda topic, payload: begun.set()):
        thread, found = in_background(lambda: loop.ask(ServiceVerb.PROFILE, coverage="small", rounds=10))
        assert begun.wait(TIMEOUT_S)
        loop.restart_broker()
        thread.join(TIMEOUT_S)
    assert found
    assert found[0]["profile"]["blocks"]
    assert len(set(results.iterdir()) - before) == 1, "measured once"


def test_a_broker_restarted_in_the_middle_of_a_deployment_leaves_a_whole_head(loop):
    loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, automatic=False, **GOOD)
    newest = loop.newest()[0]
    begun = threading.Event()

    def desired(topic, payload):
        # The retained one of the deployment before comes first.
        if json.loads(payload)["version"] > newest["board_version"]:
            begun.set()

    with loop.client.subscribe(Topics(SITE, BOARD).deploy_desired, desired):
        arch = newest["candidate"]["arch"]
        thread, found = in_background(
            lambda: loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, arch=arch, cut=3, automatic=False, **GOOD)
        )
        assert begun.wait(TIMEOUT_S)
        loop.restart_broker()
        thread.join(TIMEOUT_S)
    assert found
    contract = found[0]["deployment"]["contract"]
    with AgentClient(loop.agent, timeout_s=TIMEOUT_S) as client:
        # Its own server address leads nowhere: the fallback answers, whichever head is active.
        assert client.infer(IMAGE).served_by.value == "fallback"
    inbox = Inbox(loop.client, Topics(SITE, BOARD).state)
    inbox.wait(lambda messages: any(contract.encode() in payload for _, payload in messages))
    inbox.subscription.close()


@pytest.mark.parametrize("verb", ["search", "deploy"])
def test_a_limit_that_nothing_meets(loop, verb):
    loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, automatic=False, **GOOD)
    before = loop.newest()
    served = answers(loop)
    place = ["--broker", loop.url, "--site", SITE, "--device", BOARD]
    link = ["--throughput-mbit-s", "10", "--round-trip-ms", "5"]
    done = subprocess.run(
        [sys.executable, "-m", "nasc_sdk", verb, *place, "--limit-ms", "0.01", *link],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    for words in ("no candidate meets 0.01 ms", "nearest all-local", "nearest split", "would do", "Mbit/s"):
        assert words in done.stderr
    assert loop.newest() == before
    assert answers(loop) == served


def test_a_question_that_is_put_twice_is_worked_on_once(loop):
    """Once while the first is waiting behind other work, once after it was answered and many looked at the status."""
    options = {"limit_ms": 1000.0, "automatic": False, **GOOD}
    request = encode(ServiceRequest(request_id="twice", verb=ServiceVerb.DEPLOY, device=BOARD, options=options))
    replies = Inbox(loop.client, SERVICE_TOPICS.service_reply("twice"))
    count = len(loop.newest())
    newest = loop.newest()[0]["board_version"]
    thread, _ = in_background(lambda: loop.ask(ServiceVerb.PROFILE, coverage="small", rounds=1))
    for _ in range(3):
        loop.client.publish_and_wait(SERVICE_TOPICS.service_request, request, TIMEOUT_S)
    replies.wait(lambda messages: messages)
    for number in range(MAX_JOBS + 1):
        look = ServiceRequest(request_id=f"look-{number}", verb=ServiceVerb.STATUS, device=BOARD)
        loop.client.publish_and_wait(SERVICE_TOPICS.service_request, encode(look), TIMEOUT_S)
    loop.client.publish_and_wait(SERVICE_TOPICS.service_request, request, TIMEOUT_S)
    replies.wait(lambda messages: len(messages) == 2)
    thread.join(TIMEOUT_S)
    assert replies.messages[0] == replies.messages[1]
    assert json.loads(replies.messages[0][1])["exit_code"] == 0
    assert loop.newest()[0]["board_version"] == newest + 1
    assert len(loop.newest()) == min(count + 1, 5)
    replies.subscription.close()


def test_a_service_that_was_killed_forgets_nothing(loop, tmp_path):
    """Its files as they are while it runs are what a kill -9 leaves; the broker forgot everything, too."""
    loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, automatic=False, **GOOD)
    before = loop.newest()
    for path in loop.directory.glob("service.sqlite*"):
        shutil.copy(path, tmp_path / path.name)
    with (
        broker("embedded", tmp_path / "broker") as other,
        MqttClient(other.url, "watcher") as watcher,
        serving(other.url, tmp_path / "service.sqlite"),
    ):
        watcher.connect(TIMEOUT_S)
        desired = Inbox(watcher, Topics(SITE, BOARD).deploy_desired)
        desired.wait(lambda messages: messages)
        assert json.loads(desired.messages[0][1])["version"] == before[0]["board_version"]

        def ask(verb, options):
            return json.loads(ask_service(other.url, SITE, verb, BOARD, options, timeout_s=TIMEOUT_S, quiet=True))

        assert ask(ServiceVerb.STATUS, {})["deployments"] == before
        found = ask(ServiceVerb.SEARCH, {"limit_ms": 1000.0, **GOOD})
    assert found["chosen"]["candidate"] == before[0]["candidate"]
    assert found["deployed"]["candidate"] == before[0]["candidate"]


def test_messages_that_are_none_harm_nobody(loop):
    topics = [
        name
        for device in (BOARD, EDGE)
        for name in (
            Topics(SITE, device).state, Topics(SITE, device).profile_request, Topics(SITE, device).profile_result,
            Topics(SITE, device).profile_progress, Topics(SITE, device).deploy_desired,
            Topics(SITE, device).deploy_reported, Topics(SITE, device).link, Topics(SITE, device).latency,
            Topics(SITE, device).artifact_request("x"), Topics(SITE, device).artifact_chunk("x", 0),
        )
    ]  # fmt: skip
    topics.append(SERVICE_TOPICS.service_request)
    for topic in topics:
        for payload in (b"\xff\x00", b"[]", b'{"schema":99,"device":"board"}', b'{"schema":1', b"x" * 300_000):
            loop.client.publish_and_wait(topic, payload, TIMEOUT_S)
    assert loop.newest()
    assert answers(loop)
    document = ask_service(
        loop.url, SITE, ServiceVerb.PROFILE, BOARD, {"coverage": "small", "rounds": 1}, timeout_s=TIMEOUT_S, quiet=True
    )
    assert json.loads(document)["edge_profile"]["blocks"]


def test_the_winner_is_fine_tuned_and_deployed(loop):
    found = loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, finetune_epochs=2, automatic=False, **GOOD)
    assert "fine-tun" in found["text"]
    predicted = found["deployment"]["predicted"]
    if "gained nothing" not in found["text"]:
        assert f"{predicted['accuracy']:.2%} after" in found["text"]
    assert answers(loop)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cut": 0}, "sends the raw input away"),
        ({"cut": 3, "flash_bytes": 100}, "bytes for its model, allowed are 100"),
    ],
)
def test_what_is_pushed_by_hand_keeps_the_rules_of_the_board(loop, options, message):
    with pytest.raises(NascError, match=message):
        loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, arch=SPACE.archs[0], automatic=False, **GOOD, **options)
    # What was asked for in a refused question is not remembered.
    assert loop.ask(ServiceVerb.DEPLOY, limit_ms=1000.0, flash_bytes=0, automatic=False, **GOOD)


def test_what_is_pushed_by_hand_over_the_limit_says_so(loop):
    found = loop.ask(ServiceVerb.DEPLOY, limit_ms=0.001, arch=SPACE.archs[0], cut=3, automatic=False, **GOOD)
    assert "over the limit: it needs" in found["text"]
    assert "p95" in found["text"]


def test_a_device_that_nobody_knows(loop):
    with pytest.raises(NascError, match="no device called nobody was ever seen"):
        ask_service(loop.url, SITE, ServiceVerb.SEARCH, "nobody", {"limit_ms": 5.0}, timeout_s=TIMEOUT_S, quiet=True)
