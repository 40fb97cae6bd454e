"""``nasc-sdk agent`` as a process, against a real broker and a real edge server process."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.errors import RefusedError
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.local import ServedBy
from nasc_sdk.protocol.messages import LatencyReport, LinkReport, Role, State, decode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.base import Kernels
from tests.agent.heads import head_bundle, installer_at
from tests.agent.serving import direct, image, store_with, tail_at

pytestmark = pytest.mark.system
TIMEOUT_S = 30.0
TOPICS = Topics("lab", "pi")
HEAD, TAIL, LOCAL = head_bundle(cut=2), tail_at(2), head_bundle(1, cut=4)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@contextlib.contextmanager
def verb(*arguments, end=signal.SIGTERM):
    """A process of the product and what it said when ready."""
    command = [sys.executable, "-m", "nasc_sdk", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            if process.poll() is None:
                process.send_signal(end)
            code = process.wait(TIMEOUT_S)
        assert code in (0, -signal.SIGKILL)


def agent(broker, directory, *more):
    return verb(
        "agent", "--broker", broker, "--site", "lab", "--device", "pi", "--state-dir", directory,
        "--probe-interval-s", "0.1", *more,
    )  # fmt: skip


def edge(broker, directory, port=0):
    return verb(
        "edge", "--broker", broker, "--site", "lab", "--state-dir", directory, "--listen", f"127.0.0.1:{port}"
    )


@contextlib.contextmanager
def listening(broker, kind, topic):
    """A function that waits for a message for which a condition holds."""
    messages = queue.Queue()
    client = MqttClient(broker, f"listener-{kind.__name__}")
    client.subscribe(topic, lambda topic, payload: messages.put(decode(kind, payload, topic)))
    client.connect(TIMEOUT_S)

    def wait(condition=lambda message: True):
        deadline = time.monotonic() + TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                if condition(message := messages.get(timeout=left)):
                    return message
        raise AssertionError(f"no such {kind.__name__}")

    try:
        yield wait
    finally:
        client.close()


def ask_until(client, served_by):
    """Answers until one comes from ``served_by``; every one on the way has to be an answer."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        answer = client.infer(image())
        if answer.served_by is served_by:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"never served by {served_by}")


def test_from_start_to_end(broker, tmp_path):
    """Split answers, the server killed and back, reports, ``infer``, memory, goodbye."""
    store_with(tmp_path / "edge" / "tails", TAIL)
    installer_at(tmp_path / "pi").install(1, [HEAD.pack(), LOCAL.pack()])
    contract = HEAD.manifest.contract.id
    with (
        listening(broker, State, TOPICS.state) as state,
        listening(broker, LinkReport, TOPICS.link) as link,
        listening(broker, LatencyReport, TOPICS.latency) as latency,
    ):
        with agent(broker, tmp_path / "pi") as (ready, process), AgentClient(ready["address"]) as client:
            seen = state(lambda message: message.online)
            assert (seen.role, seen.address, seen.candidate) == (Role.BOARD, ready["address"], "tiny at cut 2 (int8)")
            assert seen.contracts == (contract, LOCAL.manifest.contract.id) == tuple(ready["contracts"])
            assert client.infer(image()).served_by is ServedBy.FALLBACK

            with edge(broker, tmp_path / "edge") as (place, server):
                answer = ask_until(client, ServedBy.SPLIT)
                expected = direct(HEAD, TAIL, image(), Kernels.XNNPACK)
                np.testing.assert_allclose(answer.logits, expected, atol=1e-4)
                assert link().device == "pi"
                server.kill()
                server.wait(TIMEOUT_S)
                ask_until(client, ServedBy.FALLBACK)
            with edge(broker, tmp_path / "edge", place["listen"].rpartition(":")[2]):
                assert ask_until(client, ServedBy.SPLIT).contract == contract
                assert latency(lambda message: message.fallbacks).requests > 0
                infer_by_verb(broker, tmp_path)
            check_process(process.pid)
        assert not state(lambda message: not message.online).contracts
    assert process.returncode == 0


def infer_by_verb(broker, directory):
    images = np.stack([image(seed) for seed in range(4)])
    np.save(directory / "images.npy", images)
    np.save(directory / "labels.npy", np.zeros(4, np.int64))
    command = [
        sys.executable, "-m", "nasc_sdk", "infer", "--broker", broker, "--site", "lab", "--device", "pi",
        "--input", directory / "images.npy", "--labels", directory / "labels.npy",
        "--output", directory / "logits.npy",
    ]  # fmt: skip
    run = subprocess.run([*command, "--json"], capture_output=True, check=True, timeout=TIMEOUT_S)
    report = json.loads(run.stdout)
    assert (report["answered"], report["served_by"], report["failures"]) == (4, {"split": 4}, {})
    assert 0 <= report["accuracy"] <= 1
    expected = [direct(HEAD, TAIL, pixels, Kernels.XNNPACK) for pixels in images]
    np.testing.assert_allclose(np.load(directory / "logits.npy"), expected, atol=1e-4)
    text = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S, text=True).stdout
    assert "uplink" in text
    assert "4 of 4 answered: 4 split" in text


def check_process(pid):
    """No torch, and less than 150 MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (resident_kb,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident_kb < 150_000
    assert "torch" not in Path(f"/proc/{pid}/maps").read_text()


def test_without_a_head_the_error_says_so(broker, tmp_path):
    with (
        agent(broker, tmp_path, "--board", "small", "--arena-kb", "256") as (ready, _),
        listening(broker, State, TOPICS.state) as state,
        AgentClient(ready["address"]) as client,
    ):
        with pytest.raises(RefusedError) as caught:
            client.infer(image())
        assert caught.value.code == "no_head"
        capabilities = state(lambda message: message.online).capabilities
        assert capabilities.arena_bytes == 256 << 10
        assert capabilities.conditions.kernels == ready["kernels"] == "reference"
        assert "stand in for a small board" in capabilities.conditions.label
        np.save(tmp_path / "images.npy", image()[None])
        command = [sys.executable, "-m", "nasc_sdk", "infer", "--agent", ready["address"], "--input"]
        asked = subprocess.run([*command, tmp_path / "images.npy"], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert asked.returncode == 8
        assert "nasc-sdk deploy" in asked.stderr
        assert "0.000" not in asked.stdout


def test_inference_outlives_the_broker_and_the_session_grows(tmp_path):
    installer_at(tmp_path / "pi").install(1, [LOCAL.pack()])
    with start_broker(state_dir=tmp_path / "broker") as broker:
        with agent(broker.url, tmp_path / "pi"):
            pass
        with (
            agent(broker.url, tmp_path / "pi") as (ready, process),
            AgentClient(ready["address"]) as client,
        ):
            with listening(broker.url, State, TOPICS.state) as state:
                assert state(lambda message: message.online).session == 2
            broker.kill()
            for _ in range(10):
                assert client.infer(image()).served_by is ServedBy.LOCAL
    assert process.returncode == 0


def test_starts_without_a_broker_when_it_holds_a_head(tmp_path):
    installer_at(tmp_path / "pi").install(1, [LOCAL.pack()])
    with agent("mqtt://127.0.0.1:1", tmp_path / "pi") as (ready, _), AgentClient(ready["address"]) as client:
        assert client.infer(image()).served_by is ServedBy.LOCAL


def test_without_broker_and_head_it_ends_with_a_documented_status(tmp_path):
    command = [sys.executable, "-m", "nasc_sdk", "agent", "--broker", "mqtt://127.0.0.1:1"]
    ended = subprocess.run(
        [*command, "--state-dir", tmp_path], capture_output=True, timeout=TIMEOUT_S, text=True, check=False
    )
    assert ended.returncode == 4
    assert "127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_loads_neither_runtime_nor_torch():
    command = [sys.executable, "-X", "importtime", "-m", "nasc_sdk", "agent", "--help"]
    shown = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, text=True, check=True)
    assert "Examples:" in shown.stdout
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert not imported & {"torch", "numpy", "ai_edge_litert", "paho.mqtt.client"}
