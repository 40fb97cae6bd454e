"""``nasc-sdk bridge`` with an emulated microcontroller: on MQTT it is what a Linux board's agent is."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.processes import Child
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan, pack
from nasc_sdk.profiling.profile import TimeUnit
from nasc_sdk.protocol.local import ServedBy
from nasc_sdk.protocol.messages import DeployStatus, ProfileRequest, ProfileResult, Role, State, encode
from nasc_sdk.runtime.base import Kernels
from tests.agent.deploying import DEVICE, SITE, TIMEOUT_S, TOPICS, Sender, shelf
from tests.agent.heads import CHANNELS, SIZE, head_bundle
from tests.agent.serving import direct, image, store_with, tail_at
from tests.agent.test_agent_process import ask_until, edge, listening
from tests.support.tiny_models import conv_chain

BOARD = "mps2-an386"
TOOLS = (find_board(BOARD).build.compiler, find_board(BOARD).emulator.command)
MISSING = next((tool for tool in TOOLS if shutil.which(tool) is None), "")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed"),
]

HEAD, TAIL, LOCAL = head_bundle(cut=2), tail_at(2), head_bundle(1, cut=4)
ACTIVE, REFUSED = DeployStatus.ACTIVE, DeployStatus.REFUSED


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@contextlib.contextmanager
def bridge(broker, directory, *more):
    arguments = [
        "bridge", "--broker", broker, "--site", SITE, "--device", DEVICE, "--state-dir", str(directory),
        "--board", BOARD, "--instructions-per-s", "25e6", *more,
    ]  # fmt: skip
    child = Child("bridge", arguments, directory.parent / "bridge.log")
    try:
        yield child.ready(TIMEOUT_S)
    finally:
        status = child.stop()
    assert status == 0, (directory.parent / "bridge.log").read_text()


def test_heads_are_deployed_and_run_with_their_tails(broker, tmp_path):
    store_with(tmp_path / "edge" / "tails", TAIL)
    blobs = [HEAD.pack(), LOCAL.pack()]
    with (
        Sender(broker) as sender,
        shelf(sender.client, *blobs),
        listening(broker, State, TOPICS.state) as state,
        bridge(broker, tmp_path / "bridge") as ready,
        AgentClient(ready["address"]) as client,
    ):
        seen = state(lambda message: message.online)
        assert seen.role is Role.BOARD
        conditions = seen.capabilities.conditions
        assert (conditions.runtime, conditions.kernels) == (ready["runtime"], "dsp")
        assert "simulated" in conditions.label
        assert seen.capabilities.arena_bytes == find_board(BOARD).arena_bytes
        sender.desire(1, *blobs)
        sender.reported(1, ACTIVE)
        assert client.infer(image()).served_by is ServedBy.FALLBACK
        with edge(broker, tmp_path / "edge"):
            answer = ask_until(client, ServedBy.SPLIT)
            np.testing.assert_allclose(answer.logits, direct(HEAD, TAIL, image(), Kernels.REFERENCE), atol=1e-4)
            assert answer.head_ms > 0
        ask_until(client, ServedBy.FALLBACK)
        # One that its golden output does not fit leaves the old ones in use.
        wrong = head_bundle(2, cut=4, golden_output=bytes(SIZE * SIZE * CHANNELS)).pack()
        with shelf(sender.client, wrong):
            sender.desire(2, wrong)
            assert sender.reported(2, REFUSED).code == "golden_mismatch"
        assert client.infer(image()).served_by is ServedBy.FALLBACK
        sender.take_back()
    # Another process finds what was installed.
    with bridge(broker, tmp_path / "bridge") as ready, AgentClient(ready["address"]) as client:
        assert client.infer(image()).served_by is ServedBy.FALLBACK


def test_a_profile_is_one_of_times_that_are_called_simulated(broker, tmp_path):
    model = conv_chain(1, CHANNELS, SIZE)
    given = np.random.default_rng(0).integers(-128, 128, (1, SIZE, SIZE, CHANNELS)).astype(np.int8).tobytes()
    plan = ProfilePlan(tuple(PlanItem(f"k{n}", f"unit {n}", "8x8x4", model, given, "int8") for n in range(2)))
    with (
        Sender(broker, "asking") as sender,
        shelf(sender.client) as served,
        listening(broker, ProfileResult, TOPICS.profile_result) as result,
        bridge(broker, tmp_path / "bridge"),
    ):
        artifact = served.put(pack(plan))
        request = ProfileRequest(request_id="one", plan=artifact, rounds=2)
        sender.client.publish_and_wait(TOPICS.profile_request, encode(request), TIMEOUT_S)
        profile = result(lambda message: message.request_id == "one").profile
    first, second = profile.blocks
    assert first.timing.median == pytest.approx(second.timing.median, rel=1e-3)
    assert first.output_sha256 == second.output_sha256
    assert profile.conditions.unit is TimeUnit.MICROSECONDS
    assert "simulated" in profile.notes[0]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "say how many a second are to be assumed"),
        (("--port", "/dev/nothing"), "no such port"),
    ],
)
def test_what_does_not_go_is_said(tmp_path, words, reason):
    command = [sys.executable, "-m", "nasc_sdk", "bridge", "--board", BOARD, "--state-dir", tmp_path / "state", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert reason in done.stderr
    assert not done.stdout
