"""A device's State against a real broker: retained, its last will, contradicting a late will."""

import contextlib
import queue

import pytest

from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.presence import Presence, read_state
from nasc_sdk.profiling.conditions import read_conditions
from nasc_sdk.protocol.messages import Capabilities, Role, State, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.mqtt.brokers import abandon

TIMEOUT_S = 20.0
CAPABILITIES = Capabilities(conditions=read_conditions(open_runtime(), Kernels.BUILTIN, 1), flash_bytes=7)


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


def board(url, topics, session, contracts=()):
    def present():
        return State(
            device=topics.device, role=Role.BOARD, session=session, online=True, capabilities=CAPABILITIES,
            contracts=tuple(contracts), address="127.0.0.1:9",
        )  # fmt: skip

    presence = Presence(topics, Role.BOARD, session, present)
    client = MqttClient(url, f"nasc-{topics.device}", will=presence.will)
    presence.start(client)
    client.connect(TIMEOUT_S)
    return presence, client


@pytest.mark.system
def test_state_from_start_to_end(broker):
    topics, contracts = Topics("lab", "one"), ["a" * 16, "b" * 16]
    with watching(broker, topics) as next_state:
        presence, client = board(broker, topics, 4, contracts)
        state = next_state()
        assert (state.online, state.session, state.role, state.address) == (True, 4, Role.BOARD, "127.0.0.1:9")
        assert state.contracts == tuple(contracts)
        assert state.capabilities == CAPABILITIES
        with watching(broker, Topics("lab", "+")) as retained:
            assert retained() == state
        contracts.clear()
        presence.announce()
        assert next_state().contracts == ()
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
        abandon(client)
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


@pytest.mark.parametrize("payload", [b"", b"{", b"null", b'{"schema":2}', b"\xff"])
def test_states_that_are_none(payload):
    assert read_state("t", payload) is None
