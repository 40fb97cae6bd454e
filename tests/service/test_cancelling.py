"""Ctrl-C at the command line stops service and board within seconds, and says so; status shows what runs."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from nasc_sdk.protocol.messages import ServiceRequest, ServiceVerb, encode
from nasc_sdk.protocol.topics import SERVICE, Topics
from tests.mqtt.brokers import Inbox
from tests.service.loops import BOARD, SITE, TIMEOUT_S, open_loop

pytestmark = pytest.mark.system

ENDLESS = ("--rounds", "1000", "--heads", "3", "--held-out", "0")
WITHIN_S = 20.0
"""Of a busy machine; five seconds are what the service gives a board."""


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("loop")) as running:
        yield running


def nasc(loop, verb, *more):
    return [sys.executable, "-m", "nasc_sdk", verb, "--broker", loop.url, "--site", SITE, *more]


def await_running(loop, condition):
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        running = loop.ask(ServiceVerb.STATUS)["running"]
        if condition(running):
            return running
        assert time.monotonic() < deadline, running
        time.sleep(0.1)


def test_a_measurement_ends_with_its_asker(loop):
    verb = "calibrate"
    with subprocess.Popen(nasc(loop, verb, *ENDLESS), stderr=subprocess.PIPE, text=True) as asker:
        seen = await_running(loop, lambda running: running and f"{BOARD}: timing" in running["label"])
        assert (seen["verb"], seen["device"]) == (verb, BOARD)
        shown = subprocess.run(nasc(loop, "status"), capture_output=True, text=True, timeout=TIMEOUT_S).stdout
        assert re.search(rf"search service: {verb} of board since \S+: \d+ of \d+, board: timing", shown)
        asker.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, said = asker.communicate(timeout=TIMEOUT_S)
        assert time.monotonic() - began < WITHIN_S
    assert asker.returncode == 130
    assert re.search(rf"{verb}: stopped after \d+ of \d+ \(board: timing\); board measures no more", said)
    assert loop.ask(ServiceVerb.STATUS)["running"] is None


def test_one_that_waits_its_turn_is_left_out(loop):
    topics = Topics(SITE, SERVICE)
    replies = Inbox(loop.client, topics.service_reply("+"))

    def send(name, verb, **options):
        request = ServiceRequest(request_id=name, verb=verb, device=BOARD, options=options)
        loop.client.publish_and_wait(topics.service_request, encode(request), TIMEOUT_S)

    def reply(name):
        replies.wait(lambda heard: any(topic == topics.service_reply(name) for topic, _ in heard))
        return next(json.loads(payload) for topic, payload in replies.messages if topic == topics.service_reply(name))

    send("first", ServiceVerb.PROFILE, rounds=1000)
    send("second", ServiceVerb.PROFILE, rounds=1000)
    send("no-second", ServiceVerb.CANCEL, request_id="second")
    assert reply("no-second")["document"]["text"] == "it had not begun, and will not"
    send("no-first", ServiceVerb.CANCEL, request_id="first")
    assert reply("no-first")["document"]["text"].startswith("stopped after ")
    assert [reply(name)["exit_code"] for name in ("first", "second")] == [130, 130]
    send("nobody", ServiceVerb.CANCEL, request_id="never")
    assert "answered already, or never came" in reply("nobody")["document"]["text"]
