"""Searches again by itself: when a board reports another link, or misses the limit in service.

Theory of operation
-------------------
Reports arrive on the MQTT thread, are kept, and at most one job a board waits for the worker, which reads the newest
of everything. Three causes, told apart by how sure they are (:class:`Cause`):

* a periodic link report: acted upon when two in a row favour the same other candidate, so that one strange window
  does not cause a rollout;
* a link change that the board detected, and the reports right after it: acted upon at once, unless that gives up
  accuracy although what runs was within the goal over the report before. Then the next report is to agree, which the
  board sends within about a second, on samples of its own: a machine's hiccup looks like a worse link, but passes;
* two latency reports in a row over the limit: acted upon at once. What candidates take in service corrects the
  predictions (:mod:`nasc_search.joint.in_service`), so the search does not propose the same again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from nasc_sdk.agent.latency import ENOUGH
from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import NascError
from nasc_sdk.link.link import Link
from nasc_sdk.protocol.messages import LatencyReport, LinkReport
from nasc_search.joint.in_service import Served, ServedLog
from nasc_search.joint.outside import accuracy_text
from nasc_search.service.deploying import Deploying
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.records import DeployAnswer, Deployment, Goal
from nasc_search.service.searching import SERVED
from nasc_search.service.store import Store

FOLLOW_UPS: Final = 2
"""Reports after a link change that are acted upon like it: the first one stands on few samples."""
OVER_LIMIT: Final = 2
"""Latency reports in a row over the limit that cause a search."""
MIN_REQUESTS: Final = ENOUGH
"""Fewer say too little about a p95."""
_BAND: Final = 0.10
"""Predicted and measured total differ by less, or the service says so."""

Enqueue = Callable[[str, Callable[[], None]], None]
"""Name of a job and the job."""
Say = Callable[[str, str, str, Any], None]
"""Device, event, text and a document."""


class Cause(IntEnum):
    """Why to search again; the greater, the surer."""

    PERIODIC = 0
    """A link report without news."""
    CHANGED = 1
    """A link change, or a report right after one."""
    MISSED = 2
    """The limit was missed in service."""


def waits(cause: Cause, chosen: Candidate, favoured: Candidate | None, *, steps_down: bool) -> bool:
    """Whether another report is to agree before ``chosen`` is rolled out; ``favoured`` is by the report before."""
    if cause is Cause.MISSED or chosen == favoured:
        return False
    return steps_down or cause is Cause.PERIODIC


@dataclass(slots=True)
class _Board:
    """What is going on with one board."""

    links: tuple[Link, ...] = ()
    """The two newest reports, the older one first."""
    follow_ups: int = 0
    over_limit: int = 0
    favoured: Candidate | None = None
    """By the last report, when it was not acted upon."""
    compared: str = ""
    """Contract whose prediction was compared with what it took."""
    waiting: bool = False
    """A job waits that will see whatever is reported until it runs."""
    cause: Cause = Cause.PERIODIC
    """The surest one of that job."""
    since_unix_s: float = field(default_factory=time.time)


class Adapting:
    """``on_link`` and ``on_latency`` are for the MQTT thread; jobs go to the service's worker."""

    def __init__(self, store: Store, mailbox: Mailbox, deploying: Deploying, enqueue: Enqueue, say: Say) -> None:
        self._store, self._mailbox, self._deploying = store, mailbox, deploying
        self._enqueue, self._say = enqueue, say
        self._boards: dict[str, _Board] = {}
        self._lock = threading.Lock()

    def on_link(self, report: LinkReport) -> None:
        """Keep the link and look whether another candidate suits it better; InputError when it is none."""
        link = link_of(report)
        self._mailbox.put("link", report.device, report)
        self._store.put("link", report.device, report)
        board = self._board(report.device)
        board.links = (*board.links[-1:], link)
        if not self._wanted(report.device):
            return
        if report.changed:
            self._say(report.device, "link-changed", f"link is now {link}", None)
            board.follow_ups = FOLLOW_UPS
        elif board.follow_ups:
            board.follow_ups -= 1
        else:
            self._look(report.device, Cause.PERIODIC)
            return
        self._look(report.device, Cause.CHANGED)

    def on_latency(self, report: LatencyReport) -> None:
        """Learn from what the deployed candidate takes; search again when it misses the limit."""
        self._mailbox.put("latency", report.device, report)
        newest = self._store.deployments(report.device, Deployment, 1)
        if not newest or newest[0].contract != report.contract or report.requests < MIN_REQUESTS or report.fallbacks:
            return
        deployment, board = newest[0], self._board(report.device)
        self._learn(deployment, report)
        if board.compared != report.contract:
            board.compared = report.contract
            self._compare(deployment, report)
        goal = self._store.get("goal", report.device, Goal)
        if goal is None or not goal.automatic or goal.constraints.limit_ms is None:
            return
        p95, limit = report.total_ms[1], goal.constraints.limit_ms
        board.over_limit = board.over_limit + 1 if p95 > limit and goal.constraints.percentile >= 95 else 0
        if board.over_limit >= OVER_LIMIT:
            board.over_limit = 0
            self._say(report.device, "over-limit", f"p95 is {p95:.2f} ms, the limit {limit:g} ms", None)
            self._look(report.device, Cause.MISSED)

    def _board(self, device: str) -> _Board:
        return self._boards.setdefault(device, _Board())

    def _wanted(self, device: str) -> bool:
        goal = self._store.get("goal", device, Goal)
        return goal is not None and goal.automatic

    def _learn(self, deployment: Deployment, report: LatencyReport) -> None:
        parts = report.head_ms[0] + report.uplink_ms[0] + report.tail_ms[0]
        rest = max(report.total_ms[0] - parts, 0.0)
        served = Served(deployment.candidate, report.head_ms, report.tail_ms, rest)
        log = self._store.get(SERVED, report.device, ServedLog) or ServedLog()
        self._store.put(SERVED, report.device, log.with_entry(served))

    def _compare(self, deployment: Deployment, report: LatencyReport) -> None:
        """Once for each deployment."""
        predicted, measured = deployment.predicted.total_ms[0], report.total_ms[0]
        error = predicted / max(measured, 1e-9) - 1
        verdict = "within 10 %" if abs(error) <= _BAND else "more than 10 % off; it corrects the next predictions"
        self._say(
            report.device,
            "prediction",
            f"total p50 predicted {predicted:.2f} ms, measured {measured:.2f} ms ({error:+.1%}), {verdict}",
            None,
        )

    def _look(self, device: str, cause: Cause) -> None:
        board = self._board(device)
        with self._lock:
            board.cause = max(board.cause, cause)
            if board.waiting:
                return
            board.waiting, board.since_unix_s = True, time.time()
        try:
            self._enqueue("adapt", lambda: self._adapt(device))
        except NascError:
            with self._lock:
                board.waiting = False
            raise

    def _adapt(self, device: str) -> None:
        """On the worker: search with the newest link, and roll out what is worth it."""
        board = self._board(device)
        with self._lock:
            cause, board.waiting, board.cause = board.cause, False, Cause.PERIODIC
        goal = self._store.get("goal", device, Goal)
        links = board.links or self._last_known(device)
        if goal is None or not goal.automatic or not links:
            return
        try:
            answer = self._search_again(device, goal, links, cause)
        except NascError as error:
            self._say(device, "search-failed", str(error)[:4096], None)
            return
        if isinstance(answer, DeployAnswer):
            self._say(device, "deployed", announcement(answer.deployment), answer.deployment)
        elif cause > Cause.PERIODIC:
            self._say(device, "kept", answer, None)

    def _last_known(self, device: str) -> tuple[Link, ...]:
        report = self._store.get("link", device, LinkReport)
        return () if report is None else (link_of(report),)

    def _search_again(self, device: str, goal: Goal, links: tuple[Link, ...], cause: Cause) -> DeployAnswer | str:
        board = self._board(device)
        proposal = self._deploying.propose(device, goal, links[-1], links[0] if len(links) > 1 else None)
        if isinstance(proposal, str):
            board.favoured = None
            return proposal
        chosen = proposal.decision.chosen.candidate
        if waits(cause, chosen, board.favoured, steps_down=proposal.steps_down):
            board.favoured = chosen
            self._deploying.get_ready(device, proposal)
            return f"{chosen} would suit this link better; waiting for another report that says so"
        board.favoured = None
        return self._deploying.carry_out(device, proposal, time.time() - board.since_unix_s)


def link_of(report: LinkReport) -> Link:
    """The report's samples as a Link."""
    return Link(report.throughput_mbit_s, report.round_trip_ms, report.loss)


def announcement(deployment: Deployment) -> str:
    """A rollout in one line."""
    predicted = deployment.predicted
    return (
        f"{predicted.kind.value} at cut {deployment.candidate.cut} ({deployment.candidate.encoding}), "
        f"{accuracy_text(predicted)}, "
        f"predicted p95 {predicted.limited_ms:.2f} ms: {deployment.reason}"
    )
