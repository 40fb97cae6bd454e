"""The edge server killed or frozen while clients ask the agent: every request gets its answer or its error."""

import os
import signal
import threading

import pytest

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.errors import RefusedError
from nasc_sdk.mqtt.broker import start_broker
from tests.agent.deploying import TIMEOUT_S, agent, await_that
from tests.agent.heads import head_bundle, installer_at
from tests.agent.serving import image, store_with, tail_at
from tests.agent.test_agent_process import edge

pytestmark = pytest.mark.system
HEAD, TAIL, LOCAL = head_bundle(cut=2), tail_at(2), head_bundle(1, cut=4)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


class Load:
    """Clients that ask all the time; what became of each request, in order, one list a client."""

    def __init__(self, address, clients=3):
        self.outcomes = [[] for _ in range(clients)]
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(address, mine)) for mine in self.outcomes]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def _ask(self, address, outcomes):
        with AgentClient(address, TIMEOUT_S) as client:
            while not self._stopped.is_set():
                try:
                    outcomes.append(client.infer(image()).served_by.value)
                except RefusedError as error:
                    outcomes.append(error.code)

    def every_client_sees(self, outcome):
        marks = [len(mine) for mine in self.outcomes]
        for mine, mark in zip(self.outcomes, marks, strict=True):
            await_that(lambda mine=mine, mark=mark: outcome in mine[mark:], f"a request ended as {outcome}")

    @property
    def kinds(self):
        return {outcome for mine in self.outcomes for outcome in mine}


def kill_and_start_again(broker, directory, load, without):
    with edge(broker, directory) as (place, server):
        load.every_client_sees("split")
        server.kill()
        load.every_client_sees(without)
    with edge(broker, directory, place["listen"].rpartition(":")[2]):
        load.every_client_sees("split")


@pytest.mark.parametrize(("held", "without"), [((HEAD, LOCAL), "fallback"), ((HEAD,), "unreachable")])
def test_killed_under_load(broker, tmp_path, held, without):
    """With an all-local head every request is answered, without one the error says why; and split is back later."""
    store_with(tmp_path / "edge" / "tails", TAIL)
    installer_at(tmp_path / "pi").install(1, [bundle.pack() for bundle in held])
    with agent(broker, tmp_path / "pi") as (_, ready), Load(ready["address"]) as load:
        kill_and_start_again(broker, tmp_path / "edge", load, without)
    assert load.kinds == {"split", without}


def test_frozen_under_load(broker, tmp_path):
    """A server that takes connections and says nothing more is left after the timeout, and found again."""
    store_with(tmp_path / "edge" / "tails", TAIL)
    installer_at(tmp_path / "pi").install(1, [HEAD.pack(), LOCAL.pack()])
    with (
        agent(broker, tmp_path / "pi", "--edge-timeout-ms", "200") as (_, ready),
        Load(ready["address"]) as load,
        edge(broker, tmp_path / "edge") as (_, server),
    ):
        load.every_client_sees("split")
        server.send_signal(signal.SIGSTOP)
        try:
            load.every_client_sees("fallback")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        load.every_client_sees("split")
    assert load.kinds == {"split", "fallback"}
