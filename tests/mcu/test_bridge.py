"""``nasc-sdk bridge`` with an emulated microcontroller: on MQTT it is what a Linux board's agent is."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.cost.coding import Step, parse_unit_key
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.processes import Child
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan, pack
from nasc_sdk.profiling.profile import TimeUnit
from nasc_sdk.protocol.local import ServedBy
from nasc_sdk.protocol.messages import (
    DeployStatus,
    ProfileProgress,
    ProfileRequest,
    ProfileResult,
    Role,
    State,
    encode,
)
from nasc_sdk.runtime.base import Kernels
from tests.agent.deploying import DEVICE, SITE, TIMEOUT_S, TOPICS, Sender, kill, shelf
from tests.agent.heads import CHANNELS, SIZE, head_bundle
from tests.agent.serving import direct, image, store_with, tail_at
from tests.agent.test_agent_process import ask_until, edge, listening
from tests.mcu.plugging import BOARD, NEEDS_TOOLS
from tests.support.tiny_models import conv_chain

pytestmark = NEEDS_TOOLS

HEAD, TAIL, LOCAL = head_bundle(cut=2), tail_at(2), head_bundle(1, cut=4)
ACTIVE, REFUSED = DeployStatus.ACTIVE, DeployStatus.REFUSED
READY_S = 180.0
"""A bridge to an emulated board compiles its firmware first, on a busy machine for half a minute."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


def start(broker, directory, *more):
    arguments = [
        "bridge", "--broker", broker, "--site", SITE, "--device", DEVICE, "--state-dir", str(directory), *more,
    ]  # fmt: skip
    return Child("bridge", arguments, directory.parent / "bridge.log")


@contextlib.contextmanager
def bridge(broker, directory, *more):
    child = start(broker, directory, *(more or ("--board", BOARD.name, "--instructions-per-s", "25e6")))
    try:
        yield child.ready(READY_S)
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
        assert seen.capabilities.arena_bytes == BOARD.arena_bytes
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


def plan_of(units):
    model = conv_chain(1, CHANNELS, SIZE)
    given = np.random.default_rng(0).integers(-128, 128, (1, SIZE, SIZE, CHANNELS)).astype(np.int8).tobytes()
    return pack(ProfilePlan(tuple(PlanItem(f"k{n}", f"unit {n}", "8x8x4", model, given) for n in range(units))))


def ask(sender, artifact):
    request = ProfileRequest(request_id="one", plan=artifact, rounds=2)
    sender.client.publish_and_wait(TOPICS.profile_request, encode(request), TIMEOUT_S)


def test_a_profile_is_one_of_times_that_are_called_simulated(broker, tmp_path):
    with (
        Sender(broker, "asking") as sender,
        shelf(sender.client) as served,
        listening(broker, ProfileResult, TOPICS.profile_result) as result,
        bridge(broker, tmp_path / "bridge"),
    ):
        ask(sender, served.put(plan_of(2)))
        profile = result(lambda message: message.request_id == "one").profile
    first, second = profile.blocks
    assert first.timing.median == pytest.approx(second.timing.median, rel=1e-3)
    assert first.output_sha256 == second.output_sha256
    assert profile.conditions.unit is TimeUnit.MICROSECONDS
    assert "simulated" in profile.notes[0]


def test_a_bridge_that_is_killed_in_the_middle_of_a_profile_goes_on_with_it(broker, tmp_path, socket):
    """The search service asks again until it is answered."""
    units, port = 12, ("--port", str(socket.name))
    with (
        Sender(broker, "asking") as sender,
        shelf(sender.client) as served,
        listening(broker, ProfileResult, TOPICS.profile_result) as result,
        listening(broker, ProfileProgress, TOPICS.profile_progress) as progress,
    ):
        artifact = served.put(plan_of(units))
        child = start(broker, tmp_path / "bridge", *port)
        child.ready(READY_S)
        ask(sender, artifact)
        done = progress(lambda message: message.done >= 2).done
        kill(child)
        child.stop()
        with bridge(broker, tmp_path / "bridge", *port):
            ask(sender, artifact)
            profile = result(lambda message: message.request_id == "one").profile
    assert [block.title for block in profile.blocks] == [f"unit {n}" for n in range(units)]
    (note,) = profile.notes
    assert done <= int(note.partition(" of ")[0]) < units
    # A board at a port has a line, and a clock of its own.
    assert [parse_unit_key(step.key) for step in profile.coding] == [(Step.LINE, 2 * SIZE * SIZE * CHANNELS)]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "say how many a second are to be assumed"),
        (("--port", "/dev/nothing"), "no such port"),
    ],
)
def test_what_does_not_go_is_said(tmp_path, words, reason):
    options = ("--board", BOARD.name, "--state-dir", tmp_path / "state", *words)
    command = [sys.executable, "-m", "nasc_sdk", "bridge", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READY_S)
    assert done.returncode != 0
    assert reason in done.stderr
    assert not done.stdout
