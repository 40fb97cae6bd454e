"""Deployments to the agent's process over a real broker: refusals, damage, interruptions, kill -9, a full disk."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.agent import faults
from nasc_sdk.agent.client import AgentClient
from nasc_sdk.bundle import sha256
from nasc_sdk.errors import RefusedError
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.protocol import chunks
from nasc_sdk.protocol.local import ServedBy
from nasc_sdk.protocol.messages import Artifact, DeployStatus
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.agent.deploying import (
    TIMEOUT_S,
    Sender,
    Sluice,
    agent,
    await_end,
    await_that,
    kill,
    shelf,
)
from tests.agent.heads import CHANNELS, SCALE, SIZE, ZERO_POINT, contract_of, head_bundle, installer_at, wrong_golden
from tests.agent.serving import image, quantized
from tests.support.tiny_models import conv_chain

pytestmark = pytest.mark.system


def large(seed):
    """A real head of several chunks: what follows a model in its file is no part of it."""
    return head_bundle(seed, cut=4, model=conv_chain(1, CHANNELS, SIZE, seed=seed) + bytes(300_000))


OLD, NEW = head_bundle(1, cut=4), large(2)
OLD_ID, NEW_ID = (contract_of(bundle.pack()) for bundle in (OLD, NEW))
CHUNKS = chunks.chunk_count(len(NEW.pack()))
ACTIVE, REFUSED, PULLING = DeployStatus.ACTIVE, DeployStatus.REFUSED, DeployStatus.PULLING


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def sender(broker):
    with Sender(broker.url) as sender:
        yield sender
        sender.take_back()


@pytest.fixture
def board(tmp_path):
    """A board's directory on which version 1 is installed."""
    installer_at(tmp_path / "pi").install(1, [OLD.pack()])
    return tmp_path / "pi"


def logits_of(bundle):
    """What the head answers alone, computed here with the agent's kernels."""
    stored = open_runtime().load(bundle.model, kernels=Kernels.XNNPACK).run(quantized(image())).ravel()
    return (stored.astype(np.float32) - ZERO_POINT) * np.float32(SCALE)


def runs(ready, bundle):
    """Whether the agent answers with this head, and answers right."""
    with AgentClient(ready["address"]) as client:
        answer = client.infer(image())
    if answer.contract != contract_of(bundle.pack()):
        return False
    np.testing.assert_allclose(answer.logits, logits_of(bundle), atol=1e-5)
    return True


def test_refusals_keep_the_old_head_and_the_next_version_is_taken(broker, sender, board):
    lost = Artifact("0" * 64, 100 << 20)
    with agent(broker.url, board) as (_, ready), shelf(sender.client, wrong_golden(4).pack(), NEW.pack()):
        sender.reported(1, ACTIVE)
        for version, blobs, artifacts, code in (
            (2, [wrong_golden(4).pack()], None, "golden_mismatch"),
            (3, [NEW.pack(), wrong_golden(4).pack()], None, "golden_mismatch"),
            (4, [], [lost], "too_large"),
        ):
            sender.desire(version, *blobs, artifacts=artifacts)
            report = sender.reported(version, REFUSED)
            assert (report.code, report.contracts) == (code, (OLD_ID,))
            assert runs(ready, OLD)
        sender.desire(5, NEW.pack())
        assert sender.reported(5, ACTIVE).contracts == (NEW_ID,)
        # An older one is not even reported: the next report is of the newer one, said again.
        sender.desire(2, OLD.pack())
        sender.desire(5, NEW.pack())
        report = sender.next_report()
        assert (report.version, report.status, report.contracts) == (5, ACTIVE, (NEW_ID,))
        assert runs(ready, NEW)
    assert installer_contracts(board) == (NEW_ID,)


def installer_contracts(board):
    installer = installer_at(board)
    installer.restore()
    return installer.contracts


def test_answers_go_on_while_heads_are_switched(broker, sender, board):
    expected = {OLD_ID: logits_of(OLD), NEW_ID: logits_of(NEW)}
    answers, stopped = [], threading.Event()

    def load():
        with AgentClient(ready["address"]) as client:
            while not stopped.is_set():
                answers.append(client.infer(image()))

    with agent(broker.url, board) as (_, ready), shelf(sender.client, NEW.pack(), OLD.pack()):
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for version, bundle in enumerate((NEW, OLD, NEW), 2):
                sender.desire(version, bundle.pack())
                sender.reported(version, ACTIVE)
                seen = len(answers)
                await_that(lambda seen=seen: len(answers) > seen + 4, "requests were answered after the switch")
        finally:
            stopped.set()
            for thread in threads:
                thread.join(TIMEOUT_S)
    assert {answer.contract for answer in answers} == {OLD_ID, NEW_ID}
    for answer in answers:
        np.testing.assert_allclose(answer.logits, expected[answer.contract], atol=1e-5)


def test_damaged_and_truncated_chunks_are_asked_for_again(broker, sender, board):
    spoilt = set()

    def spoil(index, data):
        if index in spoilt:
            return [data]
        spoilt.add(index)
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        return [flipped] if index % 2 else [data[: len(data) // 2], data[:3], b""]

    sluice = Sluice(sender.client, NEW.pack(), spoil=spoil)
    with agent(broker.url, board) as (_, ready):
        sender.desire(2, artifacts=(sluice.artifact,))
        assert sender.reported(2, ACTIVE).contracts == (NEW_ID,)
        assert runs(ready, NEW)
    assert spoilt == set(range(CHUNKS))


def test_bytes_other_than_announced_are_refused(broker, sender, board):
    """Whole chunks with right checksums, of another artifact than their header says."""
    sluice = Sluice(sender.client, NEW.pack(), spoil=lambda index, data: [forged(data)])
    with agent(broker.url, board) as (_, ready):
        sender.desire(2, artifacts=(sluice.artifact,))
        assert sender.reported(2, REFUSED).code == "digest_mismatch"
        assert runs(ready, OLD)
    assert list((board / "pulled").iterdir()) == []


def forged(data):
    chunk = chunks.decode(data, "sluice")
    return chunks.encode(replace(chunk, data=bytes(len(chunk.data))))


def test_a_broker_restarted_in_the_middle_of_a_deployment(tmp_path, board):
    """It forgets nothing of what it was told to keep, or is told again; what was pulled is not pulled twice."""
    with start_broker(state_dir=tmp_path / "broker") as first:
        port = first.port
        sending = Sender(first.url)
        sluice = Sluice(sending.client, NEW.pack(), most=2)
        with agent(first.url, board) as (_, ready), sending as sender:
            sender.desire(2, artifacts=(sluice.artifact,))
            sender.reported(2, PULLING)
            await_that(lambda: held_chunks(board) == 2, "two chunks were kept")
            first.kill()
            assert runs(ready, OLD)
            sluice.most = 10**6
            with start_broker(state_dir=tmp_path / "broker", port=port):
                assert sender.reported(2, ACTIVE).contracts == (NEW_ID,)
                assert runs(ready, NEW)
    assert sorted(sluice.sent) == list(range(CHUNKS))


def held_chunks(board):
    """Chunks that the agent has on its disk, as its own code counts them; read only."""
    (part,) = list((board / "pulled").glob("*.part")) or (None,)
    if part is None:
        return 0
    blob, data = NEW.pack(), part.read_bytes()
    slots = np.frombuffer(data[len(blob) :], ">u4")[::2]
    return int(np.count_nonzero(slots))


def test_killed_while_pulling_goes_on_where_it_was(broker, sender, board):
    sluice = Sluice(sender.client, NEW.pack(), most=2)
    with agent(broker.url, board) as (child, _):
        sender.desire(2, artifacts=(sluice.artifact,))
        await_that(lambda: held_chunks(board) == 2, "two chunks were kept")
        kill(child)
    sluice.most = 10**6
    with agent(broker.url, board) as (_, ready):
        assert sender.reported(2, ACTIVE).contracts == (NEW_ID,)
        assert runs(ready, NEW)
    assert sorted(sluice.sent) == list(range(CHUNKS))


@pytest.mark.parametrize("point", faults.POINTS)
def test_the_agent_killed_while_it_installs(broker, sender, board, monkeypatch, point):
    """Restarted it holds the old head or both new ones, as the record says, and then reaches the new ones."""
    blobs = [NEW.pack(), head_bundle(3, cut=4).pack()]
    new_ids = [contract_of(blob) for blob in blobs]
    with shelf(sender.client, *blobs, OLD.pack()):
        monkeypatch.setenv(faults.VARIABLE, point)
        with agent(broker.url, board) as (child, _):
            sender.desire(2, *blobs)
            await_end(child)
        assert child.stop() == -signal.SIGKILL
        monkeypatch.delenv(faults.VARIABLE)
        sender.take_back()
        committed = faults.POINTS.index(point) >= faults.POINTS.index(faults.RECORD_STORED)
        with agent(broker.url, board) as (_, ready):
            assert ready["contracts"] == (new_ids if committed else [OLD_ID])
            assert runs(ready, NEW if committed else OLD)
            sender.desire(2, *blobs)
            assert sender.reported(2, ACTIVE).contracts == tuple(new_ids)
            assert runs(ready, NEW)
            # What the killed process left goes with the next installation.
            sender.desire(3, OLD.pack())
            sender.reported(3, ACTIVE)
    held = {path.name for path in (board / "bundles").iterdir()}
    assert held == {f"{sha256(blob)}.nascb" for blob in (OLD.pack(), *blobs)}


@contextlib.contextmanager
def little_room(directory, size):
    """A file system of ``size`` bytes; for those who must not mount one, processes that write no larger file."""
    if os.geteuid() == 0:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory]
        subprocess.run(command, check=True, timeout=TIMEOUT_S)
        try:
            yield
        finally:
            subprocess.run(["umount", directory], check=True, timeout=TIMEOUT_S)
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("room", "heads"), [(150_000, [NEW]), (450_000, [NEW, large(4)])], ids=["to pull", "to install"]
)
def test_no_room(broker, sender, tmp_path, room, heads):
    """The refusal says so, the old head stays, nothing is left behind, and a head that fits is taken next."""
    board, small = tmp_path / "pi", head_bundle(3, cut=4)
    board.mkdir()
    blobs = [bundle.pack() for bundle in heads]
    with little_room(board, room), shelf(sender.client, *blobs, small.pack()):
        installer_at(board).install(1, [OLD.pack()])
        with agent(broker.url, board) as (_, ready):
            sender.desire(2, *blobs)
            report = sender.reported(2, REFUSED)
            assert (report.code, report.contracts) == ("disk_full", (OLD_ID,))
            assert runs(ready, OLD)
            assert [path.stem for path in (board / "bundles").iterdir()] == [sha256(OLD.pack())]
            assert list((board / "pulled").iterdir()) == []
            sender.desire(3, small.pack())
            sender.reported(3, ACTIVE)
            assert runs(ready, small)


def test_a_board_without_any_head_gets_its_first_one(broker, sender, tmp_path):
    board = tmp_path / "pi"
    board.mkdir()
    with agent(broker.url, board) as (_, ready), shelf(sender.client, NEW.pack()):
        with AgentClient(ready["address"]) as client, pytest.raises(RefusedError, match="no head"):
            client.infer(image())
        sender.desire(1, NEW.pack())
        assert sender.reported(1, ACTIVE).contracts == (NEW_ID,)
        with AgentClient(ready["address"]) as client:
            assert client.infer(image()).served_by is ServedBy.LOCAL
