"""The deployer over a real broker, in this process: stalled pulls, senders that come late, what is said again."""

import contextlib
import shutil
import threading

import pytest

from nasc_sdk.agent.deploy import Deployer
from nasc_sdk.mqtt.broker import start_broker
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import DeployStatus
from tests.agent.deploying import DEVICE, TIMEOUT_S, TOPICS, Sender, Sluice, shelf
from tests.agent.heads import contract_of, contracts, head_bundle, installer_at

pytestmark = pytest.mark.system
PATIENCE_S = 5.0
"""Of a test with something that should be over at once, on a busy machine."""
OLD, NEW = head_bundle(1, cut=4).pack(), head_bundle(2, cut=4).pack()
OLD_ID, NEW_ID = map(contract_of, (OLD, NEW))
ACTIVE, PULLING, REFUSED = DeployStatus.ACTIVE, DeployStatus.PULLING, DeployStatus.REFUSED


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with start_broker(state_dir=tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@pytest.fixture
def sender(broker):
    with Sender(broker) as sender:
        yield sender
        sender.take_back()


@contextlib.contextmanager
def deploying(url, directory, *, fails=(), **options):
    """(deployer, versions' contracts as they were switched to) of a board on which version 1 is installed.

    The first switch to a head in ``fails`` does not succeed.
    """
    installer = installer_at(directory)
    installer.install(1, [OLD])
    switched, fails = [], list(fails)

    def switch(heads):
        switched.append(contracts(heads))
        if switched[-1][0] in fails:
            fails.remove(switched[-1][0])
            raise MemoryError("no room for the new heads")

    with MqttClient(url, "deployer") as client:
        deployer = Deployer(
            client, TOPICS, DEVICE, installer, directory, switch, retry_s=0.05, **options,
        )  # fmt: skip
        try:
            client.connect(TIMEOUT_S)
            yield deployer, switched
        finally:
            deployer.close()


def test_a_newer_version_replaces_one_whose_pull_stalls(broker, sender, tmp_path):
    stalled = Sluice(sender.client, head_bundle(5, cut=4).pack(), most=0)
    with deploying(broker, tmp_path, fetch_timeout_s=0.1) as (_, switched), shelf(sender.client, NEW):
        sender.desire(2, artifacts=(stalled.artifact,))
        sender.reported(2, PULLING)
        sender.desire(3, NEW)
        assert sender.reported(3, ACTIVE).contracts == (NEW_ID,)
    assert switched == [(NEW_ID,)]


def test_the_board_is_busy_while_it_installs_and_only_then(broker, sender, tmp_path):
    """What the link takes meanwhile is no news of the link; a pull, which uses the link, is."""
    heard = []

    @contextlib.contextmanager
    def busy():
        heard.append("busy")
        try:
            yield
        finally:
            heard.append("free")

    late = Sluice(sender.client, NEW, most=0)
    with deploying(broker, tmp_path, fetch_timeout_s=0.1, busy=busy, fails=[NEW_ID]):
        sender.desire(2, artifacts=(late.artifact,))
        sender.reported(2, PULLING)
        assert not heard
        late.most = 10**6
        sender.reported(2, REFUSED)
        assert heard == ["busy", "free"], "also when it fails"


def test_a_sender_that_comes_late_is_waited_for(broker, sender, tmp_path):
    late = Sluice(sender.client, NEW, most=0)
    with deploying(broker, tmp_path, fetch_timeout_s=0.1) as (_, switched):
        sender.desire(2, artifacts=(late.artifact,))
        sender.reported(2, PULLING)
        late.most = 10**6
        sender.reported(2, ACTIVE)
    assert switched == [(NEW_ID,)]


def test_no_sender_at_all_is_reported_and_the_same_version_may_come_again(broker, sender, tmp_path):
    nobody = Sluice(sender.client, NEW, most=0)
    with deploying(broker, tmp_path, fetch_timeout_s=0.05, tries=2) as (_, switched):
        sender.desire(2, artifacts=(nobody.artifact,))
        report = sender.reported(2, REFUSED)
        assert (report.code, report.contracts, switched) == ("unreachable", (OLD_ID,), [])
        nobody.most = 10**6
        sender.desire(2, artifacts=(nobody.artifact,))
        sender.reported(2, ACTIVE)


def test_a_switch_that_fails_leaves_the_old_head_also_after_a_restart(broker, sender, tmp_path):
    """What is reported is what runs, and what would run after a restart; the same version may come again."""
    with deploying(broker, tmp_path, fails=[NEW_ID]) as (_, switched), shelf(sender.client, NEW):
        sender.desire(2, NEW)
        report = sender.reported(2, REFUSED)
        assert (report.code, report.contracts) == ("failed", (OLD_ID,))
        assert "no room for the new heads" in report.reason
        assert switched == [(NEW_ID,), (OLD_ID,)]
        shutil.copytree(tmp_path, tmp_path / "copy")
        assert contracts(installer_at(tmp_path / "copy").restore()) == (OLD_ID,)
        sender.desire(2, NEW)
        assert sender.reported(2, ACTIVE).contracts == (NEW_ID,)
        assert switched[2:] == [(NEW_ID,)]
    assert contracts(installer_at(tmp_path).restore()) == (NEW_ID,)


def test_trouble_with_the_disk_that_is_no_lack_of_room(broker, sender, tmp_path):
    with deploying(broker, tmp_path) as (_, switched), shelf(sender.client, NEW):
        (tmp_path / "pulled").rmdir()
        (tmp_path / "pulled").write_text("somebody else's file")
        sender.desire(2, NEW)
        report = sender.reported(2, REFUSED)
        assert (report.code, report.contracts, switched) == ("storage_failed", (OLD_ID,), [])
        (tmp_path / "pulled").unlink()
        sender.desire(2, NEW)
        sender.reported(2, ACTIVE)


def test_closing_does_not_wait_for_a_pull_that_stalls(broker, sender, tmp_path):
    stalled = Sluice(sender.client, NEW, most=0)
    with deploying(broker, tmp_path, fetch_timeout_s=10 * TIMEOUT_S) as (deployer, _):
        sender.desire(2, artifacts=(stalled.artifact,))
        sender.reported(2, PULLING)
        closing = threading.Thread(target=deployer.close)
        closing.start()
        closing.join(PATIENCE_S)
        assert not closing.is_alive()
        assert all(thread.name != "deploy" for thread in threading.enumerate())


def test_a_verdict_is_said_again_and_not_worked_out_again(broker, sender, tmp_path):
    bad = b"NASCB1\n and then nothing that is a bundle"
    with deploying(broker, tmp_path) as (_, switched):
        sluice = Sluice(sender.client, bad)
        for _ in range(2):
            sender.desire(2, artifacts=(sluice.artifact,))
            assert sender.reported(2, REFUSED).code == "bad_bundle"
        assert (sluice.sent, switched) == ([0], [])


NO_MESSAGES = (b"{", b"null", b'{"version":-1,"bundles":[]}', b'{"version":9,"bundles":[],"schema":2}', b"\xff")


def test_messages_that_are_none_are_counted_and_answered(broker, sender, tmp_path):
    with deploying(broker, tmp_path) as (deployer, switched), shelf(sender.client, NEW):
        sender.reported(1, ACTIVE)
        for count, payload in enumerate(NO_MESSAGES, 1):
            sender.client.publish_and_wait(TOPICS.deploy_desired, payload, TIMEOUT_S)
            report = sender.reported(0, REFUSED)
            assert (report.code, report.contracts, deployer.ignored) == ("bad_message", (OLD_ID,), count)
        # Whoever comes later finds the last verdict; one taken back is no message at all.
        sender.client.publish_and_wait(TOPICS.deploy_desired, b"", TIMEOUT_S)
        with Sender(broker, "later") as later:
            assert later.next_report().status is ACTIVE
        sender.desire(2, NEW)
        sender.reported(2, ACTIVE)
        assert deployer.ignored == len(NO_MESSAGES)
    assert switched == [(NEW_ID,)]
