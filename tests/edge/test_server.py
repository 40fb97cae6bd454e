"""The tensor port over real sockets: answers, refusals, many clients, and clients that misbehave."""

import contextlib
import random
import threading
import time
import zlib
from dataclasses import replace

import numpy as np
import pytest

from nasc_edge.server import Limits
from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.bundle import sha256
from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.protocol.frames import Error, Ping, Pong, Reply, Request, Status, encode
from nasc_sdk.runtime.select import open_runtime
from tests.edge.bundles import expected_logits, payload_of, tail_bundle
from tests.edge.clients import Client, serving

BUNDLE = tail_bundle()
CONTRACT = BUNDLE.manifest.contract.id


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = TailStore(tmp_path_factory.mktemp("tails"), load_litert(open_runtime(), workers=2, check=False))
    store.install(BUNDLE.pack())
    return store


class SlowTail:
    """Waits until the test lets it go."""

    def __init__(self):
        self.go = threading.Event()

    def run(self, cut, worker):
        assert self.go.wait(20)
        return np.zeros((len(cut), 10), np.float32)


class BrokenTail:
    def run(self, cut, worker):
        raise RuntimeError("out of tensors")


def store_with(tmp_path, tail):
    store = TailStore(tmp_path, lambda bundle: GoldenFirst(bundle, tail))
    store.install(BUNDLE.pack())
    return store


class GoldenFirst:
    """Passes the golden input, then behaves like ``tail``."""

    def __init__(self, bundle, tail):
        self.golden, self.tail = np.frombuffer(bundle.golden_output, "<f4"), tail

    def run(self, cut, worker):
        if self.golden is not None:
            golden, self.golden = self.golden, None
            return golden[None]
        return self.tail.run(cut, worker)


def logits_of(reply):
    assert reply.status is Status.OK, reply.reason
    return np.frombuffer(reply.payload, "<f4")


def test_answers_with_logits_and_times(store):
    with serving(store) as (port, _), Client(port) as client:
        for count in (1, 4):
            payload = payload_of(count, seed=count)
            reply = client.ask(CONTRACT, payload, count, request_id=count)
            assert reply.request_id == count
            got = logits_of(reply).reshape(count, -1)
            np.testing.assert_allclose(got, expected_logits(BUNDLE.model, payload), atol=1e-4)
            assert reply.tail_us > 0


def test_unknown_contract_and_wrong_length_are_answered_at_once(store):
    with serving(store) as (port, _), Client(port) as client:
        reply = client.ask("00" * 8, payload_of())
        assert reply.status is Status.UNKNOWN_CONTRACT
        assert "00" * 8 in reply.reason
        for payload, count in ((payload_of()[:-1], 1), (payload_of(), 2), (b"", 1)):
            assert client.ask(CONTRACT, payload, count).status is Status.BAD_PAYLOAD
        assert client.ask(CONTRACT, payload_of()).status is Status.OK


def test_what_a_worker_refuses_counts_as_refused(tmp_path):
    """Whether a deflated payload inflates is seen by the worker, long after its length was found in order."""
    plain = tail_bundle(encoding=CutEncoding(entropy=Entropy.ZLIB))
    golden = zlib.compress(plain.golden_input)
    manifest = replace(plain.manifest, golden_input_bytes=len(golden), golden_input_sha256=sha256(golden))
    store = TailStore(tmp_path, load_litert(open_runtime(), workers=1, check=False))
    store.install(replace(plain, manifest=manifest, golden_input=golden).pack())
    contract = manifest.contract
    with serving(store) as (port, server), Client(port) as client:
        assert client.ask(contract.id, b"not deflated").status is Status.BAD_PAYLOAD
        assert server.counters.refused == 1
        assert client.ask(contract.id, zlib.compress(payload_of())).status is Status.OK
        assert (server.counters.requests, server.counters.refused) == (2, 1)


def test_pings_are_answered(store):
    with serving(store) as (port, _), Client(port) as client:
        client.send(Ping(5))
        client.send(Ping(6, bytes(100_000)))
        assert [client.receive().ping_id for _ in range(2)] == [5, 6]


def test_pipelined_requests_are_all_answered(store):
    with serving(store, workers=2) as (port, _), Client(port) as client:
        payload = payload_of()
        for number in range(50):
            client.send(Request(CONTRACT, number, payload))
        assert {client.receive().request_id for _ in range(50)} == set(range(50))


def test_32_clients_at_once_get_their_own_answers(store):
    failures = []

    def device(port, number):
        payload = payload_of(seed=100 + number)
        expected = expected_logits(BUNDLE.model, payload)[0]
        with Client(port) as client:
            for request_id in range(10):
                reply = client.ask(CONTRACT, payload, request_id=request_id)
                if reply.request_id != request_id or not np.allclose(logits_of(reply), expected, atol=1e-4):
                    failures.append((number, request_id))

    with serving(store, workers=2) as (port, server):
        threads = [threading.Thread(target=device, args=(port, number)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert server.counters.requests == 320
    assert failures == []


def test_overload_is_answered_and_passes(tmp_path):
    tail = SlowTail()
    with serving(store_with(tmp_path, tail), limits=Limits(queued=4)) as (port, _), Client(port) as client:
        for number in range(10):
            client.send(Request(CONTRACT, number, payload_of()))
        refused = [client.receive() for _ in range(5)]
        assert {reply.status for reply in refused} == {Status.OVERLOADED}
        tail.go.set()
        assert {client.receive().status for _ in range(5)} == {Status.OK}
        assert client.ask(CONTRACT, payload_of()).status is Status.OK


def test_a_busy_tail_does_not_keep_others_from_being_told(tmp_path):
    tail = SlowTail()
    with serving(store_with(tmp_path, tail)) as (port, _), Client(port) as waiting, Client(port) as other:
        waiting.send(Request(CONTRACT, 1, payload_of()))
        assert other.ask("00" * 8, b"").status is Status.UNKNOWN_CONTRACT
        other.send(Ping(1))
        assert isinstance(other.receive(), Pong)
        tail.go.set()
        assert waiting.receive().status is Status.OK


def test_one_client_with_many_open_requests_is_not_read_further(tmp_path):
    tail, limits = SlowTail(), Limits(in_flight=3, queued=100)
    with serving(store_with(tmp_path, tail), limits=limits) as (port, server), Client(port) as client:
        client.send(Request(CONTRACT, 0, payload_of()))
        for number in range(1, 200):
            client.send(Request(CONTRACT, number, payload_of()))
        tail.go.set()
        assert {client.receive().request_id for _ in range(200)} >= set(range(3))
        assert server.counters.requests == 200


def test_a_tail_that_fails_is_answered(tmp_path, caplog):
    with serving(store_with(tmp_path, BrokenTail())) as (port, _), Client(port) as client:
        for _ in range(3):
            reply = client.ask(CONTRACT, payload_of())
            assert reply.status is Status.FAILED
            assert "out of tensors" in reply.reason
    assert "out of tensors" in caplog.text


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        random.Random(1).randbytes(5000),
        encode(Reply(1, Status.OK)),
        b"NF\x01\x01\xff\xff\xff\xff",
    ],
)
def test_garbage_closes_that_connection_only(store, data):
    with serving(store) as (port, server), Client(port) as good, Client(port) as bad:
        assert good.ask(CONTRACT, payload_of()).status is Status.OK
        bad.socket.sendall(data)
        assert isinstance(bad.receive(), Error)
        with contextlib.suppress(ConnectionResetError):
            assert bad.receive() is None
        assert good.ask(CONTRACT, payload_of()).status is Status.OK
        assert server.counters.garbage == 1


def test_a_frame_that_does_not_end_ends_the_connection(store):
    with serving(store, limits=Limits(stall_s=0.2)) as (port, _), Client(port) as good, Client(port) as bad:
        bad.socket.sendall(encode(Request(CONTRACT, 1, payload_of()))[:-1])
        assert "did not come" in bad.receive().reason
        assert bad.receive() is None
        assert good.ask(CONTRACT, payload_of()).status is Status.OK


def test_idle_connections_end(store):
    with serving(store, limits=Limits(idle_s=0.2)) as (port, _), Client(port) as client:
        assert client.receive() == Error("idle")
        assert client.receive() is None


def test_a_client_that_does_not_read_is_dropped(store):
    with serving(store, limits=Limits(stall_s=0.3)) as (port, server), Client(port) as client:
        frames = encode(Request("00" * 8, 1, b"")) * 2_000_000
        with pytest.raises((ConnectionError, TimeoutError)):
            client.socket.sendall(frames)
        deadline = time.monotonic() + 10
        while server.connections and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not server.connections


def test_connections_and_unfinished_frames_are_bounded(store):
    limits = Limits(connections=2, buffered_bytes=100_000)
    with serving(store, limits=limits) as (port, server), Client(port) as one, Client(port) as two:
        for client in (one, two):
            client.send(Ping(1))
            assert isinstance(client.receive(), Pong)
        with Client(port) as three:
            assert three.receive() == Error("too many connections")
        one.socket.sendall(encode(Ping(1, bytes(150_000)))[:-1])
        assert isinstance(one.receive(), Error)
        two.send(Ping(2))
        assert two.receive().ping_id == 2
        assert server.buffered == 0


def test_a_client_that_leaves_before_its_answer(tmp_path):
    tail = SlowTail()
    with serving(store_with(tmp_path, tail)) as (port, _):
        with Client(port) as client:
            client.send(Request(CONTRACT, 1, payload_of()))
        tail.go.set()
        with Client(port) as other:
            assert other.ask(CONTRACT, payload_of()).status is Status.OK
