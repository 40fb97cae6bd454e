"""The play: profile, calibrate, search, deploy, split inference, a worse link, a better one again.

Everything goes over MQTT and sockets, as it would with a board elsewhere; only the float accuracy of the deployed
network, to compare with, is computed here.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from nasc_sdk.cli.asking import ask_service
from nasc_sdk.errors import UnreachableError
from nasc_sdk.link.shape import set_link
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.processes import Family
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.profiling.table import format_profile
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_sdk.report.summary import FrontPoint, HeadCheck, LinkState, Summary
from nasc_search.calibrate.report import FitReport
from nasc_search.data.fashion_mnist import load as load_images
from nasc_search.demo.asking import Answered, ask, compare, format_parts
from nasc_search.demo.events import Events
from nasc_search.demo.player import Player
from nasc_search.demo.processors import Processors
from nasc_search.demo.stage import BOARD, SITE, Stage, maps_torch, resident_mb, set_stage
from nasc_search.demo.traffic import Diary, Traffic
from nasc_search.demo.verdict import MAX_ADAPT_S, Change, Course, verdict
from nasc_search.joint.aim import Objective
from nasc_search.joint.table import Kind
from nasc_search.service.records import DeployAnswer, Deployment, SearchAnswer

GOOD: Final = (20.0, 5.0)
"""Mbit/s and round trip, ms."""
REQUESTS: Final = 1000
_SETTLED_TIMEOUT_S: Final = 30.0
_BEFORE_S: Final = 1.0
_TOP_BLOCKS: Final = 20
_ROOM: Final = 3.0
"""The limit, in times of what the lightest network takes on the board alone."""
_DEPLOY_TIMEOUT_S: Final = 30.0
_ADAPT_TIMEOUT_S: Final = 16.0
_FRESH_REPORTS: Final = 2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo is told."""

    board: Player
    directory: Path
    broker: str
    limit_ms: float | None
    """None: what the board calls for, see :meth:`Play.choose_limit`."""
    coverage: str
    requests: int = REQUESTS


class Play:
    """One run; each act is a method and leaves its findings in ``course``."""

    def __init__(self, options: Options, stage: Stage, client: MqttClient, say: Say) -> None:
        self._options, self._stage, self._say = options, stage, say
        self._events = Events(client, say)
        self._board = options.board.machine
        self._patience = options.board.patience
        self._diary = Diary()
        self._processors = Processors(self._board, simulated=options.board.simulated)
        self._images = load_images()
        self.course = Course(adapt_s=MAX_ADAPT_S * self._patience)
        self._deployment: Deployment
        self._first: Deployment

    def profile(self) -> None:
        """Acts 2 and 3: time board and server, fit, state the error."""
        self._say("\n== Profile: the board and the edge server time their blocks ==")
        document = self._ask(ServiceVerb.PROFILE, {"coverage": self._options.coverage}, 600.0 * self._patience)
        answer = msgspec.json.decode(document, type=_ProfileDocument)
        self.course.profiles = (answer.profile, answer.edge_profile)
        self.course.fits = answer.fit
        self.course.distinct_blocks = answer.distinct_blocks
        self._say(format_profile(answer.profile, _TOP_BLOCKS))
        self._say("\n== Calibrate ==\n" + answer.text)

    def choose_limit(self) -> None:
        """The limit asked for, or one that makes a split worth having on a board of any speed.

        Light networks fit it on the board alone, so that there is an answer over any link; the most accurate do not.
        """
        # What was measured while the board was profiled says little of the link.
        self._events.wait_links(_FRESH_REPORTS, 30.0)
        limit_ms = self._options.limit_ms
        if limit_ms is None:
            fastest = {"objective": Objective.LATENCY.value, "raw_input_may_leave": False}
            answer = msgspec.json.decode(self._ask(ServiceVerb.SEARCH, fastest, 60.0), type=SearchAnswer)
            alone_ms = min(point.limited_ms for point in answer.fronts if point.kind == Kind.ALL_LOCAL.value)
            limit_ms = float(math.ceil(_ROOM * alone_ms))
            self._say(
                f"\nlimit {limit_ms:g} ms at p95, {_ROOM:g} x the {alone_ms:.1f} ms of the lightest network on the "
                "board alone: some fit there, the most accurate do not (--limit-ms sets another)"
            )
        self.course.limit_ms = limit_ms
        self._events.limit(limit_ms)

    def deploy(self) -> None:
        """Acts 4 and 5: search over the measured link, install on both sides."""
        self._say("\n== Search and deploy ==")
        answer = _deployed(self._ask(ServiceVerb.DEPLOY, {"limit_ms": self.course.limit_ms}, 300.0 * self._patience))
        self._say(answer.text)
        steps = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in answer.deployment.seconds.items())
        self._say(f"deployed under contract {answer.deployment.contract} ({steps})")
        self._deployment = answer.deployment
        self._diary.begin()
        with self._traffic():
            self._settle()
        self._infer("good link", GOOD, answer.text)
        self._first = self._deployment

    def change(self, name: str, link: tuple[float, float]) -> None:
        """Act 7: the link becomes another; the application goes on asking."""
        self._say(f"\n== The link becomes {link[0]:g} Mbit/s, {link[1]:g} ms round trip ==")
        with self._traffic() as traffic:
            # What happened since the last act may have led to another candidate.
            self._settle()
            time.sleep(_BEFORE_S)
            start = self._events.count()
            changed_s = self._diary.mark(f"link set to {link[0]:g} Mbit/s, {link[1]:g} ms")
            set_link(self._stage.shape_control, rate_mbit=link[0], round_trip_ms=link[1])
            seen = self._events.wait("link-changed", start, _DEPLOY_TIMEOUT_S)
            seen_s = self._diary.now_s() - (time.time() - seen.unix_s)
            self._diary.mark("change reported")
            deployment = self._await_deployment(start)
            served_s = traffic.first_served(deployment.contract, changed_s, _DEPLOY_TIMEOUT_S * self._patience)
            if served_s is None:
                raise UnreachableError(BOARD, f"never answered under contract {deployment.contract}")
            self._diary.mark(f"{deployment.predicted.kind.value} serves")
            self.course.changes.append(Change(name, changed_s, seen_s, served_s))
            self._say(
                f"seen after {seen_s - changed_s:.2f} s; {deployment.predicted.kind.value} at cut "
                f"{deployment.candidate.cut} serves {served_s - seen_s:.2f} s later ({deployment.reason})"
            )
            self._settle()
        self._infer(name, link)

    @contextlib.contextmanager
    def _traffic(self) -> Iterator[Traffic]:
        """An application that keeps asking; its answers go into the course."""
        images = self._images.test.images
        with Traffic(self._stage.agent_address, self._board, images, self._diary) as traffic:
            yield traffic
        self.course.samples += traffic.samples
        self.course.failures += traffic.failures

    def _settle(self) -> None:
        """Until the service is content with what the deployed candidate takes in service; it may choose again."""
        if not self._events.wait_settled(_SETTLED_TIMEOUT_S * self._patience):
            self._say(f"answers did not stay within the limit for {_SETTLED_TIMEOUT_S * self._patience:.0f} s")
        newest = self._events.newest_deployment()
        if newest != self._deployment:
            self._say(f"chosen again meanwhile: {newest.reason}")
            self._deployment = newest

    def _await_deployment(self, start: int) -> Deployment:
        """The rollout that answers the change; when the service keeps what runs, that (a promise will say so)."""
        try:
            event = self._events.wait("deployed", start, _ADAPT_TIMEOUT_S * self._patience)
        except UnreachableError as error:
            self._say(f"no other candidate was deployed: {error}")
            return self._deployment
        self._deployment = msgspec.json.decode(event.document, type=Deployment)
        return self._deployment

    def finish(self) -> None:
        """What can only be seen while the processes run."""
        self.course.agent_mb = resident_mb(self._stage.agent.pid)
        self.course.agent_has_torch = maps_torch(self._stage.agent.pid)
        self.course.marks = self._diary.marks

    def compare(self) -> None:
        """The float network on the images of the first state: whole seconds of work, when nothing is measured."""
        self.course.float_accuracy = self._float_accuracy(self._first)

    def _ask(self, verb: ServiceVerb, options: dict[str, Any], timeout_s: float) -> bytes:
        return ask_service(self._stage.broker_url, SITE, verb, BOARD, options, timeout_s=timeout_s, quiet=False)

    def _infer(self, name: str, link: tuple[float, float], explanation: str = "") -> None:
        """Act 6: real test images through agent, link and server, against what was predicted before.

        The prediction held against it is that of profiles and link alone; what the service learned since is a figure.
        """
        self._say(f"\n== {self._options.requests} test images over the {name} ==")
        search, answered = self._answered()
        deployment = self._deployment
        predicted = search.deployed_as_profiled or deployment.predicted
        answers, count = answered.answers, len(answered.answers)
        parts = compare(predicted, answered)
        own = sum(answer.contract == deployment.contract for answer in answers)
        labels = self._images.test.labels
        first = answers[: min(self._options.requests, len(labels))]
        hits = float(np.mean([answer.label == label for answer, label in zip(first, labels, strict=False)]))
        self.course.own_answers[name] = own / count
        self.course.learned_ms[name] = (search.deployed or deployment.predicted).total_ms[0]
        self.course.measured_accuracy[name], self.course.images = hits, len(first)
        self.course.states.append(
            LinkState(
                name=name,
                rate_mbit_s=link[0],
                round_trip_ms=link[1],
                arch=deployment.candidate.arch,
                cut=deployment.candidate.cut,
                kind=predicted.kind.value,
                contract=deployment.contract,
                accuracy=predicted.accuracy,
                requests=count,
                slowdown=answered.typical_slowdown,
                parts=parts,
                undisturbed_p95_ms=answered.undisturbed_p95_ms,
                front=tuple(
                    FrontPoint(p.kind, p.candidate.arch, p.candidate.cut, p.accuracy, p.limited_ms)
                    for p in search.fronts
                ),
                explanation=explanation or search.text,
            )
        )
        self._say(format_parts(parts))
        board, server = answered.typical_slowdown
        self._say(f"p50 predicted for processors slowed {board:.2f} (board) and {server:.2f} times (server) meanwhile")
        self._say(f"accuracy of the int8 pipeline on the first {len(first)} images: {hits:.2%}")

    def _answered(self) -> tuple[SearchAnswer, Answered]:
        """Predictions of what runs, and answers from it; again when the service chose another candidate meanwhile."""
        for last in (False, False, True):
            search = msgspec.json.decode(self._ask(ServiceVerb.SEARCH, {}, 60.0), type=SearchAnswer)
            answered = ask(
                self._stage.agent_address, self._images.test.images, self._options.requests, self._processors
            )
            if last or self._events.newest_deployment() == self._deployment:
                break
            self._say("the service chose another candidate meanwhile: once more")
            self.course.measured_again += 1
            with self._traffic():
                self._settle()
        return search, answered

    def _float_accuracy(self, deployment: Deployment) -> float:
        """The same images through the float network, 0..1."""
        import torch

        from nasc_search.pretrained.load import open_pretrained
        from nasc_search.service.workshop import open_workshop

        torch.set_num_threads(1)
        trained = open_pretrained(None, self._options.directory)
        workshop = open_workshop(trained, self._images, self._options.directory)
        prepared = workshop.prepare(deployment.candidate.arch)
        part = self._images.test.take(self._options.requests)
        accuracy = prepared.folded.accuracy(
            torch.from_numpy(self._images.normalise(part.images)), torch.from_numpy(part.labels)
        )
        self._say(f"accuracy of the float network on the same images: {accuracy:.2%}")
        return accuracy


class _ProfileDocument(msgspec.Struct, frozen=True):
    profile: Profile
    edge_profile: Profile
    fit: dict[str, FitReport]
    text: str
    distinct_blocks: int


def run(options: Options, say: Say) -> Summary:
    """Play everything; the summary says which promises were held. UnreachableError when a part dies."""
    begun, begun_unix_s = time.monotonic(), time.time()
    with Family(options.directory) as family:
        say("== Start: broker, edge server, link proxy, search service and device agent, a process each ==")
        stage = set_stage(family, options.directory, options.board, options.broker, GOOD)
        say(f"broker {stage.broker_kind} at {stage.broker_url}; board runs {stage.runtime}\n{stage.predictor}")
        client = MqttClient(stage.broker_url, "nasc-demo")
        client.connect()
        try:
            play = Play(options, stage, client, say)
            play.profile()
            play.choose_limit()
            play.deploy()
            play.change("worse link", options.board.worse_link)
            play.change("recovered link", GOOD)
            play.finish()
            play.compare()
        finally:
            client.close()
        dead = tuple(child.name for child in family.dead())
    course = play.course
    promises, figures = verdict(course, dead)
    return Summary(
        board=options.board.name,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {course.profiles[0].conditions.processor}",
        started_unix_s=begun_unix_s,
        duration_s=time.monotonic() - begun,
        limit_ms=course.limit_ms,
        percentile=95.0,
        promises=promises,
        figures=figures,
        profiles=course.profiles,
        checks=tuple(
            HeadCheck(device, check.title, check.predicted_us, check.measured_us)
            for device, report in course.fits.items()
            for check in report.checks
        ),
        states=tuple(course.states),
        timeline=tuple(course.samples),
        marks=course.marks,
    )


def _deployed(document: bytes) -> DeployAnswer:
    return msgspec.json.decode(document, type=DeployAnswer)
