"""The search service in this process, with a real broker, board and edge server beside it, over a small space."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import replace
from functools import cached_property, lru_cache

import msgspec
import numpy as np
import torch

from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.cli.asking import ask_service
from nasc_sdk.cost.model import CostModel
from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.processes import Family
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import LatencyReport, LinkReport, ServiceEvent, ServiceVerb, decode, encode
from nasc_sdk.protocol.topics import SERVICE, Topics
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.measure import draw_encoded
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.service.planner import Planner
from nasc_search.service.records import Deployment
from nasc_search.service.searching import COST_MODEL
from nasc_search.service.service import Service
from nasc_search.service.store import Store
from nasc_search.service.workshop import Workshop
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.supernet.model import Supernet
from tests.mqtt.brokers import Inbox
from tests.supernet.tasks import split

SENT = {(3, CutEncoding(4, 8, Entropy.ZLIB)): 0.75}
"""What entropy coding leaves; everywhere else it gains nothing."""
SITE, BOARD, EDGE = "lab", "board", "edge"
TIMEOUT_S = 60.0


class SomeCells(NB201Space):
    """Every 61st connected cell."""

    @cached_property
    def archs(self):
        return NB201Space(self.macro).archs[::61]


SPACE = SomeCells(Macro(TensorSpec(8, 8, 1), classes=4, channels=32, cells_per_stage=1))


def accuracies():
    """The more work, the more accurate: so that the board alone cannot have the best."""
    work = np.asarray([macs(SPACE.network(arch)) for arch in SPACE.archs], float)
    ranks = work.argsort().argsort() / len(work)
    return dict(zip(SPACE.archs, (0.5 + 0.4 * ranks).tolist(), strict=True))


_measured = {}
"""Profile and cost model of each device: what one real request for a profile left in the first loop's store."""


class Loop:
    """Handles on everything that runs."""

    def __init__(self, family, directory, url, agent, client, store):
        self.family, self.directory, self.url, self.agent = family, directory, url, agent
        self.client, self.store = client, store
        self.events = Inbox(client, Topics(SITE, SERVICE).service_event)

    def restart_broker(self):
        """Kill it without a word and start another one at the same place."""
        broker = next(child for child in self.family.children if child.name == "broker")
        os.kill(broker.pid, signal.SIGKILL)
        broker.stop()
        self.family.children.remove(broker)
        start_broker(self.family, self.directory, self.url.rsplit(":", 1)[1])

    def ask(self, verb, **options):
        """The document of a request."""
        return json.loads(ask_service(self.url, SITE, verb, BOARD, options, timeout_s=TIMEOUT_S, quiet=True))

    def profile(self):
        """The board's profile; measured once a session, every other loop is told what was found then: this machine
        stands in for all boards, and the space is the same.
        """
        if not _measured:
            self.ask(ServiceVerb.PROFILE, coverage="small", rounds=3)
            for device in (BOARD, EDGE):
                kinds = (("profile", Profile), (COST_MODEL, CostModel))
                _measured[device] = [(kind, self.store.get(kind, device, of)) for kind, of in kinds]
        for device, found in _measured.items():
            for kind, value in found:
                self.store.put(kind, device, value)
        return self.store.get("profile", BOARD, Profile)

    def deploy(self, **options):
        """The document of a rollout, once its event is here as well."""
        answer = self.ask(ServiceVerb.DEPLOY, **options)
        version = answer["deployment"]["board_version"]
        self.events.wait(
            lambda _: any(document(event, Deployment).board_version == version for event in self.named("deployed"))
        )
        return answer

    def report_link(self, throughput, round_trip, *, changed=False):
        """As the board would; its own server address leads nowhere, so it reports none itself."""
        self.report_samples([throughput] * 5, [round_trip] * 5, changed=changed)

    def report_samples(self, throughput, round_trip, *, changed=False):
        """The same, of a link that varies."""
        report = LinkReport(
            device=BOARD, throughput_mbit_s=tuple(throughput), round_trip_ms=tuple(round_trip), changed=changed
        )
        self.client.publish_and_wait(Topics(SITE, BOARD).link, encode(report), TIMEOUT_S)

    def worsen_link(self, throughput, round_trip):
        """A change, and the report that confirms it."""
        self.report_link(throughput, round_trip, changed=True)
        self.await_idle()
        self.report_link(throughput, round_trip)

    def report_latency(self, contract, p50, p95, requests=200):
        """As a board with an all-local candidate would."""
        report = LatencyReport(
            device=BOARD, contract=contract, requests=requests, failures=0, fallbacks=0,
            head_ms=(p50, p95), uplink_ms=(0.0, 0.0), tail_ms=(0.0, 0.0), total_ms=(p50, p95),
        )  # fmt: skip
        self.client.publish_and_wait(Topics(SITE, BOARD).latency, encode(report), TIMEOUT_S)

    def named(self, name):
        """Events of a name so far."""
        found = [decode(ServiceEvent, payload, topic) for topic, payload in self.events.messages]
        return [event for event in found if event.event == name]

    def await_named(self, name, count):
        """The newest of so many events of a name."""
        self.events.wait(lambda _: len(self.named(name)) >= count)
        return self.named(name)[-1]

    def await_idle(self):
        """Wait until the service has done everything that it was told of before."""
        deadline = time.monotonic() + TIMEOUT_S
        self.client.publish_and_wait("barrier", b"", TIMEOUT_S)
        # A search is a job: its answer comes after the jobs that waited.
        self.ask(ServiceVerb.SEARCH, limit_ms=1000.0, throughput_mbit_s=100.0, round_trip_ms=1.0)
        assert time.monotonic() < deadline

    def newest(self):
        """Deployments, newest first."""
        return self.ask(ServiceVerb.STATUS)["deployments"]


def start_broker(family, directory, port):
    """The embedded broker as a process; its address."""
    place = ("--port", port, "--kind", "embedded", "--state-dir", str(directory / "broker"))
    return family.start("broker", "broker", "--json", *place)[1]["url"]


def coded_accuracies():
    """Two points less for each halving of the bits and channels of some encoded cuts."""
    found = accuracies()
    for candidate, _ in zip(draw_encoded(Supernet(SPACE, 4, encoded=True), SPACE.archs, 0), range(60), strict=False):
        encoding = candidate.encoding
        halvings = np.log2(8 / encoding.bits) + (np.log2(32 / encoding.bottleneck) if encoding.bottleneck else 0)
        found[accuracy_key(candidate)] = found[candidate.arch] - 0.02 * float(halvings)
    return found


@lru_cache(maxsize=1)
def _catalogue():
    return build_catalogue(SPACE)


@lru_cache(maxsize=2)
def _planner(coded):
    return Planner(SPACE, _catalogue(), coded_accuracies() if coded else accuracies(), sent=SENT)


def told_planner(outside):
    """It searches by another source; the supernet was evaluated on every other architecture."""
    return Planner(SPACE, _catalogue(), dict(list(accuracies().items())[::2]), outside=outside)


@contextlib.contextmanager
def serving(url, database, name="service", *, coded=False, outside=None, made=None):
    """A search service in this process; its store. With ``coded`` it knows what narrow cuts cost; an ``outside`` source
    tells it accuracies; ``made`` are supernet and planner of another space.
    """
    data = Dataset(
        "shades", ("black", "dark", "light", "white"), (0.4,), (0.3,),
        split(256, 0), split(64, 1), split(64, 2), split(64, 3),
    )  # fmt: skip
    store = Store(database)
    if made is None:
        made = Supernet(SPACE, 4, encoded=True), told_planner(outside) if outside else _planner(coded)
    service = Service(MqttClient(url, name), SITE, store, Workshop(made[0], data), made[1], "weights")
    service.start()
    try:
        yield store
    finally:
        service.close()


@contextlib.contextmanager
def open_loop(directory, *, coded=False, outside=None, made=None):
    """Everything started and stopped."""
    torch.set_num_threads(1)
    with Family(directory) as family:
        url = start_broker(family, directory, "0")
        common = ("--broker", url, "--site", SITE)
        family.start("edge", "edge", *common, "--state-dir", str(directory / "edge"))
        _, agent = family.start(
            "agent", "agent", *common, "--device", BOARD, "--board", "small", "--edge", "127.0.0.1:9",
            "--state-dir", str(directory / "agent"),
        )  # fmt: skip
        watcher = MqttClient(url, "watcher")
        watcher.connect(TIMEOUT_S)
        try:
            with serving(url, directory / "service.sqlite", coded=coded, outside=outside, made=made) as store:
                yield Loop(family, directory, url, agent["address"], watcher, store)
        finally:
            watcher.close()


def slow_down(store, times=30.0):
    """As if the board were much slower than the server: here both are this machine."""
    model = store.get(COST_MODEL, BOARD, CostModel)
    slower = replace(
        model,
        op_us=tuple(times * us for us in model.op_us),
        invocation_us=times * model.invocation_us,
        covariance=tuple(tuple(times**2 * value for value in row) for row in model.covariance),
    )
    store.put(COST_MODEL, BOARD, slower)


def document(event, of):
    """What an event carries."""
    return msgspec.json.decode(event.document, type=of)
