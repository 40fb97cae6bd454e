"""The device process: heads, local port, link watch, deployments and profiles, wired together.

Inference depends on none of MQTT: with the broker lost, heads, edge server and local port go on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from nasc_sdk.agent.deploy import Deployer
from nasc_sdk.agent.edge_client import EdgeClient
from nasc_sdk.agent.edge_finder import EdgeFinder
from nasc_sdk.agent.install import Installer, LoadedHead
from nasc_sdk.agent.latency import LatencyTally
from nasc_sdk.agent.link_watch import LinkReporter, LinkWatch
from nasc_sdk.agent.local_port import LocalPort
from nasc_sdk.agent.machine import Busy, LocalMachine, Machine
from nasc_sdk.agent.options import Options
from nasc_sdk.agent.pipeline import Pipeline
from nasc_sdk.agent.prober import Prober
from nasc_sdk.agent.quantize import Image
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.durable import make_directory, next_session, sole_user
from nasc_sdk.errors import NascError, UnreachableError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.presence import Presence, publish_if_possible, read_state
from nasc_sdk.profiling.respond import ProfileResponder
from nasc_sdk.protocol.local import Answer
from nasc_sdk.protocol.messages import LinkReport, Role, State, encode
from nasc_sdk.protocol.topics import Topics

REPORT_INTERVAL_S: Final = 2.0

_log = logging.getLogger(__name__)


class Agent:
    """Everything the board does, from :meth:`start` to :meth:`close`; the local port is open from the start."""

    def __init__(self, options: Options, open_machine: Callable[[Busy], Machine]) -> None:
        """Opens the machine and loads the installed heads; raises NascError when that is not possible."""
        self._options = options
        make_directory(options.state_dir)
        self._topics = Topics(options.site, options.device)
        self._tally = LatencyTally(options.device)
        self._reporter = LinkReporter(LinkWatch(options.device), self._report_link)
        self.machine = open_machine(self._reporter.busy)
        self._edge = EdgeClient(self._reporter, timeout_s=options.edge_timeout_s)
        self._pipeline = Pipeline(self._edge, self.machine.run)
        self._installer = Installer(HeadStore(options.state_dir), self.machine)
        self._pipeline.switch(self._installer.restore())
        self._stopped = threading.Event()
        self._parts = contextlib.ExitStack()
        self._port = LocalPort(options.listen, self._infer)
        self._session, self._since_unix_s = next_session(options.state_dir), time.time()
        self._presence = Presence(self._topics, Role.BOARD, self._session, self._present)
        self._client = MqttClient(
            options.broker_url, f"nasc-{options.site}-{options.device}", will=self._presence.will
        )
        self._finder = EdgeFinder(self._edge.go_to, lambda: self._edge.up)

    @property
    def address(self) -> str:
        """host:port of the local inference port."""
        return self._port.address

    @property
    def contracts(self) -> tuple[str, ...]:
        """Of the held heads, the active one first."""
        return tuple(manifest.contract.id for manifest in self._pipeline.manifests)

    def start(self) -> None:
        """Take part. Without a broker: raises UnreachableError, or with a head installed goes on and retries."""
        if self._options.edge is not None:
            self._edge.go_to(self._options.edge)
        else:
            self._client.subscribe(Topics(self._options.site, "+").state, self._on_state)
        self._presence.start(self._client)
        directory = self._options.state_dir
        responder = ProfileResponder(
            self._client, self._topics, self._options.device, directory / "profiles", self.machine.profile
        )
        self._parts.callback(responder.close)
        deployer = Deployer(
            self._client, self._topics, self._options.device, self._installer, directory, self._switch
        )
        self._parts.callback(deployer.close)
        self._parts.callback(Prober(self._edge, self._reporter, interval_s=self._options.probe_interval_s).close)
        try:
            self._client.connect()
        except UnreachableError as error:
            if not self._pipeline.manifests:
                raise
            _log.warning("%s; inference goes on without a broker", error)
        reports = threading.Thread(target=self._work, name="reports", daemon=True)
        reports.start()
        self._parts.callback(reports.join, 10.0)

    def close(self) -> None:
        """Say goodbye and end all threads."""
        self._stopped.set()
        # Before the threads: whoever ends this process may not wait as long as a pull that is under way.
        self._presence.end()
        self._port.close()
        self._parts.close()
        self._client.close()
        self._edge.close()

    def _infer(self, image: Image) -> Answer:
        self.machine.keep_thread()
        try:
            answer = self._pipeline.infer(image)
        except NascError:
            self._tally.failed()
            raise
        self._tally.answered(answer)
        return answer

    def _switch(self, heads: tuple[LoadedHead, ...]) -> None:
        self._pipeline.switch(heads)
        self._presence.announce()

    def _on_state(self, topic: str, payload: bytes) -> None:
        state = read_state(topic, payload)
        if state is not None:
            self._finder.heard(state)

    def _present(self) -> State:
        manifests = self._pipeline.manifests
        return State(
            device=self._options.device,
            role=Role.BOARD,
            session=self._session,
            online=True,
            capabilities=self.machine.capabilities,
            contracts=tuple(manifest.contract.id for manifest in manifests),
            candidate=str(manifests[0].candidate)[:4096] if manifests else "",
            address=self._port.address,
            since_unix_s=self._since_unix_s,
        )

    def _report_link(self, report: LinkReport) -> None:
        publish_if_possible(self._client, self._topics.link, encode(report))

    def _work(self) -> None:
        """Latency reports, and a broker that was not there at the start."""
        connected = self._client.connected
        while not self._stopped.wait(REPORT_INTERVAL_S):
            if not connected:
                connected = self._reached_broker()
            report = self._tally.report() if self._tally.is_due() else None
            if report is not None:
                publish_if_possible(self._client, self._topics.latency, encode(report), qos=0)

    def _reached_broker(self) -> bool:
        try:
            self._client.connect()
        except NascError as error:
            _log.info("%s", error)
            return False
        return True


def run(options: Options, open_machine: Callable[[Busy], Machine] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; raises NascError when it cannot start. Without a machine it is this one."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with sole_user(options.state_dir):
        _serve(options, open_machine or partial(LocalMachine, options), stopped)


def _serve(options: Options, open_machine: Callable[[Busy], Machine], stopped: threading.Event) -> None:
    agent = Agent(options, open_machine)
    try:
        agent.start()
        ready = {
            "device": options.device,
            "address": agent.address,
            "runtime": agent.machine.runtime,
            "kernels": agent.machine.kernels,
            "contracts": agent.contracts,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        stopped.wait()
    finally:
        agent.close()
