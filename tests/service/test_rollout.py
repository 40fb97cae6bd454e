"""Rollouts to a real installer and deployer over a real broker: boards with little room, services that forgot."""

import contextlib

import pytest

from nasc_sdk.agent.deploy import Deployer
from nasc_sdk.errors import RefusedError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import DeployDesired, DeployReported, DeployStatus, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.rollout import REPORTED, Rollout
from nasc_search.service.store import Store
from tests.agent.heads import contracts, head_bundle, installer_at
from tests.mqtt.brokers import Inbox, wait_for

pytestmark = pytest.mark.system
TIMEOUT_S = 20.0
SITE, BOARD = "lab", "pi"
TOPICS = Topics(SITE, BOARD)
FIRST, SECOND, FALLBACK = (head_bundle(seed, arena=60) for seed in range(3))
SIZE = max(len(bundle.model) for bundle in (FIRST, SECOND, FALLBACK))


@pytest.fixture
def url(tmp_path):
    with start_broker(state_dir=tmp_path / "broker") as broker:
        yield broker.url


@contextlib.contextmanager
def board(url, directory, **limits):
    """The heads' contracts of each switch, on a board with these limits."""
    switched = []
    installer = installer_at(directory, **limits)
    installer.restore()
    with MqttClient(url, "board") as client:
        deployer = Deployer(
            client, TOPICS, BOARD, installer, directory, lambda heads: switched.append(contracts(heads))
        )
        try:
            client.connect(TIMEOUT_S)
            yield switched
        finally:
            deployer.close()


@contextlib.contextmanager
def service(url, database, *, shelf_bytes=1 << 20):
    """A service's rollouts, and its shelf."""
    mailbox = Mailbox()
    with contextlib.closing(Store(database)) as store, MqttClient(url, "service") as client:
        shelf = ArtifactShelf(client, SITE, max_bytes=shelf_bytes)
        rollout = Rollout(client, SITE, shelf, store, mailbox)

        def on_reported(topic, payload):
            if payload:
                mailbox.put(REPORTED, BOARD, decode(DeployReported, payload, topic))

        rollout.restore()
        # After the rollout's own: what is in the mailbox has been heard.
        client.subscribe(TOPICS.deploy_reported, on_reported)
        client.connect(TIMEOUT_S)
        yield Handles(rollout, shelf, mailbox)


class Handles:
    """Of one service."""

    def __init__(self, rollout, shelf, mailbox):
        self.rollout, self.shelf, self.mailbox = rollout, shelf, mailbox

    def run(self, *heads):
        return self.rollout.run(BOARD, "edge", heads, None, "a test", TIMEOUT_S)

    def reported(self, accept):
        found = self.mailbox.wait(REPORTED, BOARD, DeployReported, accept, TIMEOUT_S)
        assert found is not None
        return found


def ids(*bundles):
    return tuple(bundle.manifest.contract.id for bundle in bundles)


def test_a_board_without_room_for_the_fallback_gets_the_head_alone(url, tmp_path):
    with board(url, tmp_path / "pi", arena_bytes=100) as switched, service(url, tmp_path / "db") as running:
        assert running.run(FIRST, FALLBACK).heads == 1
        with MqttClient(url, "watcher") as watcher:
            desired = Inbox(watcher, TOPICS.deploy_desired)
            watcher.connect(TIMEOUT_S)
            desired.wait(lambda messages: any(b"a test (no room for a fallback)" in data for _, data in messages))
    assert switched == [ids(FIRST)]


def test_the_fallback_makes_room_where_old_and_new_do_not_fit(url, tmp_path):
    with (
        board(url, tmp_path / "pi", flash_bytes=3 * SIZE - 1) as switched,
        service(url, tmp_path / "db") as running,
    ):
        assert running.run(FIRST, FALLBACK).heads == 2
        assert running.run(SECOND, FALLBACK).heads == 2
    assert switched == [ids(FIRST, FALLBACK), ids(FALLBACK), ids(SECOND, FALLBACK)]
    assert contracts(installer_at(tmp_path / "pi").restore()) == ids(SECOND, FALLBACK)


def test_a_board_with_room_for_one_head_says_so_and_keeps_it(url, tmp_path):
    with (
        board(url, tmp_path / "pi", flash_bytes=2 * SIZE - 1) as switched,
        service(url, tmp_path / "db") as running,
    ):
        running.run(FIRST)
        with pytest.raises(RefusedError) as caught:
            running.run(SECOND, FALLBACK)
    assert caught.value.code == "too_large_beside_old"
    assert switched == [ids(FIRST)]


def test_a_service_that_forgot_everything_goes_on_after_what_the_board_remembers(url, tmp_path):
    installer_at(tmp_path / "pi").install(41, [FIRST.pack()])
    with board(url, tmp_path / "pi") as switched, service(url, tmp_path / "db") as running:
        running.reported(lambda report: report.version == 41)
        # What is no message is answered with version 0, which says nothing about the others.
        with MqttClient(url, "vandal") as client:
            client.connect(TIMEOUT_S)
            client.publish_and_wait(TOPICS.deploy_desired, b"nonsense", TIMEOUT_S)
        running.reported(lambda report: report.code == "bad_message")
        assert running.run(SECOND).board_version == 42
    assert switched == [ids(SECOND)]


def test_what_an_earlier_service_desired_of_a_board_that_is_away_counts_as_well(url, tmp_path):
    with MqttClient(url, "earlier") as client:
        client.connect(TIMEOUT_S)
        earlier = encode(DeployDesired(version=50, bundles=()))
        client.publish_and_wait(TOPICS.deploy_desired, earlier, TIMEOUT_S, retain=True)
    with board(url, tmp_path / "pi") as switched, service(url, tmp_path / "db") as running:
        running.reported(lambda report: report.version == 50 and report.status is DeployStatus.REFUSED)
        assert running.run(FIRST).board_version == 51
    assert switched == [ids(FIRST)]


def test_what_is_desired_is_served_however_much_else_there_is(url, tmp_path):
    """A plan on the same shelf would have evicted it."""
    with service(url, tmp_path / "db", shelf_bytes=1000) as running, contextlib.ExitStack() as stack:
        switched = stack.enter_context(board(url, tmp_path / "pi"))
        running.run(FIRST)
        other = running.shelf.put(bytes(1000))
        assert running.shelf.holds(other.sha256)
        running.run(SECOND, FALLBACK)
        # A board that comes with nothing still finds what is desired of it.
        stack.close()
        with board(url, tmp_path / "replaced") as again:
            wait_for(lambda: again == [ids(SECOND, FALLBACK)])
    assert switched == [ids(FIRST), ids(SECOND, FALLBACK)]
