"""``nasc-sdk status`` against a real broker: what retained and passing messages make of the table."""

import contextlib
import json
import subprocess
import sys
import threading

import pytest
from msgspec.structs import replace

from nasc_sdk.cli.output import format_table
from nasc_sdk.cli.status import HEADER, WIDTH, _working, details, running, summarise
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.profile import Conditions
from nasc_sdk.protocol.messages import (
    Capabilities,
    DeployReported,
    DeployStatus,
    LatencyReport,
    LinkReport,
    Role,
    State,
    encode,
)
from nasc_sdk.protocol.topics import Topics

CONDITIONS = Conditions("ai-edge-litert 2", "xnnpack", 1, "x86_64", "cpu")
BOARD = State(
    device="pi", role=Role.BOARD, session=2, online=True, capabilities=Capabilities(conditions=CONDITIONS),
    contracts=("aa", "bb"), candidate="tiny cut 2 int8", address="127.0.0.1:7", since_unix_s=1_700_000_000.0,
)  # fmt: skip
GONE = State(device="old-pi", role=Role.BOARD, session=1, online=False, since_unix_s=1_700_000_000.0)
REPORTED = DeployReported(device="pi", version=7, status=DeployStatus.ACTIVE, contracts=("aa", "bb"))
LEFT = DeployReported(device="old-pi", version=3, status=DeployStatus.ACTIVE, contracts=("cc",))
LINK = LinkReport(device="pi", throughput_mbit_s=(10.0, 50.0, 60.0), round_trip_ms=(1.0, 2.0, 9.0))
LATENCY = LatencyReport(
    device="pi", contract="aa", requests=9, failures=0, fallbacks=0,
    head_ms=(1, 2), uplink_ms=(1, 2), tail_ms=(1, 2), total_ms=(3.25, 6.5),
)  # fmt: skip


def row(*heard):
    (only,) = summarise(heard)
    return dict(zip(HEADER, only, strict=True))


def test_everything_that_is_known():
    assert row(BOARD, REPORTED, LINK, LATENCY) == {
        "device": "pi",
        "role": "board",
        "online since": "2023-11-14 22:13Z",
        "deployment": "7 active",
        "link": "50 Mbit/s, 2 ms",
        "p50/p95 ms": "3.25/6.50",
    }
    known = {"pi": {"goal_text": "most accurate, limit 8.0 ms at p95"}}
    assert list(details([BOARD, REPORTED], known)) == [
        "pi runs: tiny cut 2 int8",
        "pi holds contracts: aa, bb",
        "pi was asked for: most accurate, limit 8.0 ms at p95",
    ]


def test_nothing_is_wider_than_a_terminal():
    """An architecture's name alone may be longer."""
    arch = "|".join("nor_conv_3x3~0" for _ in range(12))
    wide = replace(BOARD, device="a-board-in-the-cellar", candidate=f"{arch} cut 12 int4, 16 channels, zlib")
    fast = replace(LINK, throughput_mbit_s=(123.4,), round_trip_ms=(12.34,))
    others = (replace(REPORTED, version=1234), fast, LATENCY)
    heard = [wide, *(replace(message, device=wide.device) for message in others)]
    told = list(details(heard, {wide.device: {"goal_text": "least latency, no limit at p95, " * 4}}))
    table = format_table(HEADER, summarise(heard))
    assert max(map(len, [*table.splitlines(), *told])) <= WIDTH == 100
    assert arch in "".join(line.strip() for line in told)


def test_what_is_not_known_is_a_dash():
    assert row(GONE) == dict.fromkeys(HEADER, "-") | {"device": "old-pi", "role": "board", "online since": "gone"}
    assert list(details([GONE, LEFT], {})) == ["old-pi holds contracts: cc"]
    assert list(details([GONE], {})) == []
    assert row(State(device="e", role=Role.EDGE, session=1, online=True))["online since"] == "-"


@pytest.mark.parametrize("seconds", [1e300, 1e18, 1e12])
def test_a_clock_that_is_far_off(seconds):
    far = State(device="e", role=Role.EDGE, session=1, online=True, since_unix_s=seconds)
    assert row(far)["online since"] == "-"


def test_the_newest_message_counts_and_strangers_make_no_row():
    later = State(device="pi", role=Role.BOARD, session=3, online=False)
    assert row(BOARD, later, replace_latency(1.0), LATENCY)["online since"] == "gone"
    assert row(BOARD, replace_latency(1.0), LATENCY)["p50/p95 ms"] == "3.25/6.50"
    assert summarise([REPORTED, LINK, LATENCY]) == []


def test_what_the_service_works_on():
    work = {"verb": "profile", "device": "pi", "since_unix_s": 1_700_000_000.0, "done": 3, "total": 9, "label": "stem"}
    assert running({"pi": {"running": work}, "other": {"running": work}}) == [work], "it is one for all devices"
    assert running({}) == running({"pi": {"running": None}}) == running({"pi": {}}) == []
    assert _working(work) == "search service: profile of pi since 22:13:20Z: 3 of 9, stem"
    assert _working(work | {"total": 0}) == "search service: profile of pi since 22:13:20Z"


def replace_latency(total_ms):
    return replace(LATENCY, total_ms=(total_ms, total_ms))


def status(url, *more):
    command = [sys.executable, "-m", "nasc_sdk", "status", "--broker", url, "--site", "lab", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.system
def test_the_verb(tmp_path):
    pi, gone = Topics("lab", "pi"), Topics("lab", "old-pi")
    with start_broker(state_dir=tmp_path) as broker, MqttClient(broker.url, "publisher") as client:
        client.connect(10)
        shown = status(broker.url, "--wait-s", "0.2")
        assert (shown.returncode, shown.stdout) == (0, "no device has been seen at site lab\n")
        for topic, message in ((pi.state, BOARD), (pi.deploy_reported, REPORTED), (gone.state, GONE)):
            client.publish_and_wait(topic, encode(message), 10, retain=True)
        client.publish_and_wait(Topics("lab", "bad").state, b"{", 10, retain=True)
        with said_again_and_again(client, ((pi.link, LINK), (pi.latency, LATENCY))):
            shown = status(broker.url, "--wait-s", "1")
            listed = status(broker.url, "--wait-s", "1", "--json")
    header, _, first, second, *told = shown.stdout.splitlines()
    assert header.startswith("device")
    assert first.split()[:3] == ["old-pi", "board", "gone"]
    for cell in ("pi", "7 active", "50 Mbit/s, 2 ms", "3.25/6.50", "2023-11-14"):
        assert cell in second
    assert told == ["pi runs: tiny cut 2 int8", "pi holds contracts: aa, bb"]
    documents = json.loads(listed.stdout)
    assert {document["device"] for document in documents} == {"pi", "old-pi"}
    assert shown.returncode == listed.returncode == 0


@contextlib.contextmanager
def said_again_and_again(client, messages):
    """Publishes messages that are not retained until the block ends."""
    stopped = threading.Event()

    def say():
        while not stopped.wait(0.1):
            for topic, message in messages:
                client.publish(topic, encode(message))

    thread = threading.Thread(target=say)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(10)


@pytest.mark.system
def test_without_a_broker():
    shown = status("mqtt://127.0.0.1:1", "--wait-s", "0.2")
    assert shown.returncode == 4
    assert "127.0.0.1:1" in shown.stderr
    assert "Traceback" not in shown.stderr
