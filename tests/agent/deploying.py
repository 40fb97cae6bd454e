"""Whoever deploys to a board, and the board's process, over a real broker."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time

from nasc_sdk.bundle import sha256
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.processes import Child
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest, DeployDesired, DeployReported, decode, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.protocol.transfer import Upload

SITE, DEVICE = "lab", "pi"
TOPICS = Topics(SITE, DEVICE)
TIMEOUT_S = 30.0


@contextlib.contextmanager
def agent(broker_url, directory, *more):
    """The agent's process and what it said when ready."""
    arguments = [
        "agent", "--broker", broker_url, "--site", SITE, "--device", DEVICE, "--state-dir", str(directory),
        "--probe-interval-s", "0.1", *more,
    ]  # fmt: skip
    child = Child("agent", arguments, directory.parent / "agent.log")
    try:
        yield child, child.ready(TIMEOUT_S)
    finally:
        status = child.stop()
    assert status in (0, -signal.SIGKILL), (directory.parent / "agent.log").read_text()


def await_end(child):
    """Wait until the process has ended by itself."""
    await_that(lambda: not child.running, "the agent ended")


def kill(child):
    os.kill(child.pid, signal.SIGKILL)
    await_end(child)


def await_that(condition, what):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"it never came that {what}"
        time.sleep(0.01)


class Sender:
    """Desires versions and reads what is reported; ``client`` is connected."""

    def __init__(self, url, name="sender"):
        self.client = MqttClient(url, name)
        self._reported = queue.Queue()
        self.client.subscribe(TOPICS.deploy_reported, self._on_reported)

    def __enter__(self):
        self.client.connect(TIMEOUT_S)
        return self

    def __exit__(self, *_):
        self.client.close()

    def _on_reported(self, topic, data):
        if data:
            self._reported.put(decode(DeployReported, data, topic))

    def desire(self, version, *blobs, artifacts=None):
        artifacts = artifacts or tuple(Artifact(sha256(blob), len(blob)) for blob in blobs)
        desired = DeployDesired(version=version, bundles=artifacts)
        self.client.publish_and_wait(TOPICS.deploy_desired, encode(desired), TIMEOUT_S, retain=True)

    def take_back(self):
        """Nothing is desired or reported any more."""
        for topic in (TOPICS.deploy_desired, TOPICS.deploy_reported):
            self.client.publish_and_wait(topic, b"", TIMEOUT_S, retain=True)

    def next_report(self):
        return self._reported.get(timeout=TIMEOUT_S)

    def reported(self, version, status):
        """The next report of this version with this status; those before it are passed over."""
        deadline, seen = time.monotonic() + TIMEOUT_S, []
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                report = self._reported.get(timeout=left)
                if (report.version, report.status) == (version, status):
                    return report
                seen.append((report.version, report.status.value, report.code))
        raise AssertionError(f"version {version} was not reported {status.value}, only {seen}")


@contextlib.contextmanager
def shelf(client, *blobs):
    """Serves artifacts as the search service does."""
    served = ArtifactShelf(client, SITE)
    for blob in blobs:
        served.put(blob)
    try:
        yield served
    finally:
        served.close()


class Sluice:
    """Serves one artifact a chunk at a time, ``spoil`` first does as it likes with (index, bytes)."""

    def __init__(self, client, blob, *, most=10**6, spoil=lambda index, data: [data]):
        self._client, self._spoil, self.most = client, spoil, most
        self._upload = Upload()
        self.artifact = self._upload.put(blob)
        self.sent = []
        client.subscribe(TOPICS.artifact_request("+"), self._on_request)

    def _on_request(self, topic, payload):
        for index, data in self._upload.answer(decode(ArtifactRequest, payload, topic)):
            if len(self.sent) >= self.most:
                return
            self.sent.append(index)
            for piece in self._spoil(index, data):
                self._client.publish(TOPICS.artifact_chunk(self.artifact.sha256, index), piece)
