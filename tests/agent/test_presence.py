"""The board's State against a real broker: retained, its last will, contradicting a late will; finding a server."""

import contextlib
import queue

import pytest

from nasc_sdk.agent.presence import EdgeFinder, Presence, read_state
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.conditions import read_conditions
from nasc_sdk.protocol.messages import Capabilities, Role, State, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.select import open_runtime
from tests.agent.heads import KERNELS, head_bundle

TIMEOUT_S = 20.0
CAPABILITIES = Capabilities(conditions=read_conditions(open_runtime(), KERNELS, 1), flash_bytes=7)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@contextlib.contextmanager
def watching(url, topics):
    heard = queue.Queue()
    with MqttClient(url, f"watch-{topics.device}") as client:
        client.subscribe(topics.state, lambda topic, data: heard.put(decode(State, data, topic)))
        client.connect(TIMEOUT_S)
        yield lambda: heard.get(timeout=TIMEOUT_S)


def board(url, topics, session, manifests=()):
    presence = Presence(topics, session, CAPABILITIES, "127.0.0.1:9", lambda: manifests)
    client = MqttClient(url, f"nasc-{topics.device}", will=(*presence.will, 1, True))
    client.subscribe(topics.state, lambda topic, data: presence.heard(read_state(topic, data)))
    presence.start(client)
    client.connect(TIMEOUT_S)
    return presence, client


@pytest.mark.system
def test_state_from_start_to_end(broker):
    topics, manifests = Topics("lab", "one"), [head_bundle(cut=2).manifest, head_bundle(1, cut=4).manifest]
    with watching(broker, topics) as next_state:
        presence, client = board(broker, topics, 4, manifests)
        state = next_state()
        assert (state.online, state.session, state.role, state.address) == (True, 4, Role.BOARD, "127.0.0.1:9")
        assert state.contracts == tuple(manifest.contract.id for manifest in manifests)
        assert state.candidate == "tiny cut 2 int8"
        assert state.capabilities == CAPABILITIES
        assert state.since_unix_s > 0
        with watching(broker, Topics("lab", "+")) as retained:
            assert retained() == state
        manifests.clear()
        presence.announce()
        assert (next_state().contracts, state.since_unix_s) == ((), state.since_unix_s)
        presence.end()
        assert not next_state().online
        presence.announce()
        client.close()
    with watching(broker, topics) as next_state:
        assert not next_state().online


@pytest.mark.system
def test_a_crash_is_told_by_the_broker(broker):
    topics = Topics("lab", "two")
    with watching(broker, topics) as next_state:
        _, client = board(broker, topics, 1)
        assert next_state().online
        client.abandon()
        gone = next_state()
        assert (gone.online, gone.session, gone.contracts) == (False, 1, ())


@pytest.mark.system
@pytest.mark.parametrize(("session", "contradicted"), [(1, True), (2, True), (3, False)])
def test_a_late_will_is_contradicted_and_a_newer_session_is_not(broker, session, contradicted):
    topics = Topics("lab", f"three-{session}")
    with watching(broker, topics) as next_state, MqttClient(broker, f"late-{session}") as other:
        other.connect(TIMEOUT_S)
        _, client = board(broker, topics, 2)
        assert next_state().online
        will = State(device=topics.device, role=Role.BOARD, session=session, online=False)
        other.publish_and_wait(topics.state, encode(will), TIMEOUT_S, retain=True)
        assert next_state() == will
        if contradicted:
            assert (again := next_state()).online
            assert again.session == 2
        else:
            client.close()
            # Closed in order, so that all it would have said has been sent; the next word is this one.
            other.publish_and_wait(topics.state, encode(will), TIMEOUT_S, retain=True)
            assert next_state() == will
        client.close()


class Found:
    def __init__(self):
        self.addresses, self.up = [], False
        self.finder = EdgeFinder(self.addresses.append, lambda: self.up)

    def hears(self, device="edge", address="10.0.0.1:70", **changes):
        self.finder.heard(State(**{
            "device": device, "role": Role.EDGE, "session": 1, "online": True, "address": address, **changes,
        }))  # fmt: skip
        return self.addresses


def test_boards_absent_servers_and_nonsense_are_not_followed():
    found = Found()
    assert found.hears(role=Role.BOARD) == []
    assert found.hears(online=False) == []
    assert found.hears(address="") == []
    assert found.hears(address="nowhere") == []
    assert found.hears(address="host:99999") == []
    assert found.hears() == [("10.0.0.1", 70)]


def test_another_server_is_taken_only_when_the_present_one_does_not_answer():
    found = Found()
    found.hears()
    found.up = True
    assert len(found.hears("other", "10.0.0.2:70")) == 1
    assert found.hears(address="10.0.0.1:71")[-1] == ("10.0.0.1", 71)
    found.up = False
    assert found.hears("other", "10.0.0.2:70")[-1] == ("10.0.0.2", 70)


@pytest.mark.parametrize("payload", [b"", b"{", b"null", b'{"schema":2}', b"\xff"])
def test_states_that_are_none(payload):
    assert read_state("t", payload) is None
