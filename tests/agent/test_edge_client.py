"""The board's side of the tensor port against real servers, silent ones, lying ones, and ones that come back."""

import socket
import threading

import numpy as np
import pytest

from nasc_sdk.agent.edge_client import EdgeClient
from nasc_sdk.agent.link_watch import LinkReporter, LinkWatch
from nasc_sdk.agent.prober import Prober
from nasc_sdk.errors import RefusedError, UnreachableError
from tests.agent.serving import Heard, edge_client, store_with, tail_at
from tests.edge.bundles import expected_logits, payload_of
from tests.edge.clients import TIMEOUT_S, serving
from tests.edge.test_killed import server_process

TAIL = tail_at(2)
CONTRACT = TAIL.manifest.contract.id


def test_asks_and_tells_the_observer(tmp_path):
    observer, payload = Heard(), payload_of(seed=3)
    with serving(store_with(tmp_path, TAIL)) as (port, _), edge_client(port, observer=observer) as client:
        answer = client.ask(CONTRACT, payload)
        assert client.probe(1000)
        with pytest.raises(RefusedError) as caught:
            client.ask(CONTRACT, payload[:-1])
    np.testing.assert_allclose(answer.logits, expected_logits(TAIL.model, payload)[0], atol=1e-4)
    assert 0 < answer.uplink_ms <= answer.elapsed_ms
    assert caught.value.code == "bad_payload"
    assert [size for size, _ in observer.transfers] == [len(payload), 1000, len(payload) - 1]
    assert len(observer.pings) == 1
    assert not observer.timeouts


@pytest.fixture
def silent():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def up(client):
    """As if a ping had been answered before."""
    client._down_reason = ""


def test_silence_ends_in_time_and_then_at_once(silent):
    observer = Heard()
    client = EdgeClient(observer, timeout_s=0.2)
    client.go_to(silent.getsockname())
    up(client)
    with pytest.raises(UnreachableError, match="no answer in time"):
        client.ask(CONTRACT, b"1234")
    assert [size for size, _ in observer.timeouts] == [4]
    assert not client.up
    with pytest.raises(UnreachableError, match="down, tried again in the background"):
        client.ask(CONTRACT, b"1234")
    assert len(observer.timeouts) == 1
    client.close()


def test_a_server_that_lies_is_a_server_lost(silent):
    def lie():
        connection, _ = silent.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=lie)
    thread.start()
    client = EdgeClient(Heard(), timeout_s=TIMEOUT_S)
    client.go_to(silent.getsockname())
    up(client)
    with pytest.raises(UnreachableError, match="not a tensor frame"):
        client.ask(CONTRACT, b"1234")
    thread.join(TIMEOUT_S)
    client.close()


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    client = EdgeClient(Heard(), timeout_s=1.0)
    client.go_to(address)
    assert not client.probe()
    with pytest.raises(UnreachableError, match="refused"):
        client.ask(CONTRACT, b"1234")
    # The next attempt is postponed.
    assert not client.probe()
    client.close()


def test_moves_to_another_address(tmp_path):
    with serving(store_with(tmp_path / "a", TAIL)) as (first, _), edge_client(first) as client:
        client.ask(CONTRACT, payload_of())
        (tmp_path / "b").mkdir()
        with serving(store_with(tmp_path / "b", TAIL)) as (second, server):
            client.go_to(("127.0.0.1", second))
            assert client.probe()
            client.ask(CONTRACT, payload_of())
            assert server.counters.requests == 1


@pytest.mark.system
def test_killed_under_load_and_back(tmp_path):
    """The prober finds a server that moved to a new port after a crash; requests never hang meanwhile."""
    store_with(tmp_path, TAIL)
    reporter = LinkReporter(LinkWatch("board"), lambda report: None)
    client = EdgeClient(reporter, timeout_s=5.0)
    prober = Prober(client, reporter, interval_s=0.05)
    try:
        with server_process(tmp_path) as (process, port):
            client.go_to(("127.0.0.1", port))
            await_up(client)
            outcomes = []
            started = threading.Event()
            thread = threading.Thread(target=ask_until_lost, args=(client, started, outcomes))
            thread.start()
            assert started.wait(TIMEOUT_S)
            process.kill()
            thread.join(TIMEOUT_S)
            assert outcomes == ["UnreachableError"]
        with server_process(tmp_path) as (_, port):
            client.go_to(("127.0.0.1", port))
            await_up(client)
            assert client.ask(CONTRACT, payload_of()).logits.size == 256
    finally:
        prober.close()
        client.close()


def ask_until_lost(client, started, outcomes):
    try:
        while True:
            client.ask(CONTRACT, payload_of())
            started.set()
    except UnreachableError as error:
        outcomes.append(type(error).__name__)


def await_up(client):
    pause = threading.Event()
    for _ in range(400):
        if client.up:
            return
        pause.wait(0.05)
    raise AssertionError("the prober did not reach the server")
