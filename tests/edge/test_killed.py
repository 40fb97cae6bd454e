"""The edge server killed under load: clients see it in time, and a restart serves the same tails."""

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.protocol.frames import Status
from nasc_sdk.runtime.select import open_runtime
from tests.edge.bundles import expected_logits, payload_of, tail_bundle
from tests.edge.clients import TIMEOUT_S, Client

ROOT = Path(__file__).parents[2]
BUNDLE = tail_bundle()
CONTRACT = BUNDLE.manifest.contract.id


@contextlib.contextmanager
def server_process(directory):
    command = [sys.executable, "-m", "tests.edge.serve_tails", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()
            process.wait(TIMEOUT_S)


def ask_until_it_breaks(port, started, outcomes):
    with Client(port) as client:
        try:
            while (reply := client.ask(CONTRACT, payload_of())) is not None:
                assert reply.status is Status.OK
                started.set()
            outcomes.append("closed")
        except ConnectionError as error:
            outcomes.append(type(error).__name__)


@pytest.mark.system
def test_killed_under_load_and_started_again(tmp_path):
    TailStore(tmp_path, load_litert(open_runtime(), check=False)).install(BUNDLE.pack())
    with server_process(tmp_path) as (process, port):
        started, outcomes = [threading.Event() for _ in range(4)], []
        threads = [threading.Thread(target=ask_until_it_breaks, args=(port, e, outcomes)) for e in started]
        for thread in threads:
            thread.start()
        assert all(event.wait(TIMEOUT_S) for event in started)
        process.kill()
        for thread in threads:
            thread.join(TIMEOUT_S)
        assert len(outcomes) == 4
    with server_process(tmp_path) as (_, port), Client(port) as client:
        payload = payload_of(seed=5)
        logits = np.frombuffer(client.ask(CONTRACT, payload).payload, "<f4")
        np.testing.assert_allclose(logits, expected_logits(BUNDLE.model, payload)[0], atol=1e-4)
