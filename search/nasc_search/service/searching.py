"""The verb ``search``: goal and link in, decision with fronts and explanation out. Changes nothing."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Final

from nasc_sdk.candidate import Entropy
from nasc_sdk.cost.model import CostModel
from nasc_sdk.cost.table import CostDocument, tabulate
from nasc_sdk.entropy import EVERYWHERE, known_codings
from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import MOST_W, UNKNOWN_BOARD, Power, Profile
from nasc_sdk.protocol.messages import LinkReport, State
from nasc_search.joint.aim import MOST_ACCURATE, Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from nasc_search.joint.explain import explain
from nasc_search.joint.front import pareto_front
from nasc_search.joint.in_service import ServedLog, corrected
from nasc_search.joint.scored import Scored, score_candidate
from nasc_search.joint.table import CandidateTable, Kind
from nasc_search.layered.shortlist import Wanted
from nasc_search.service.decide import neighbourhood
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.planner import Planner
from nasc_search.service.records import Deployment, FrontPoint, Goal, SearchAnswer
from nasc_search.service.store import Store

Options = dict[str, str | int | float | bool]
COST_MODEL: Final = "cost-model"
SERVED: Final = "served"
"""Kind of the stored :class:`nasc_search.joint.in_service.ServedLog` of a board."""
_GOAL_OPTIONS: Final = frozenset(
    {"limit_ms", "percentile", "raw_input_may_leave", "arena_bytes", "flash_bytes", "max_server_ms", "edge"}
    | {"automatic", "objective", "min_accuracy", "max_energy_mj", "power_w"}
)
FROM_PROFILE: Final = "profile"
_BY_HAND: Final = frozenset({"arch", "cut", "bits", "bottleneck", "entropy", "finetune_epochs"})
_MEDIANS: Final = frozenset({"throughput_mbit_s", "round_trip_ms"})
_LINK_OPTIONS: Final = _MEDIANS | {"loss"}


class Searching:
    """Answers searches from stored cost models and the newest link."""

    def __init__(self, store: Store, planner: Planner, mailbox: Mailbox) -> None:
        self._store, self._planner, self._mailbox = store, planner, mailbox

    def run(self, device: str, options: Options) -> SearchAnswer:
        """The exact search over all candidates; InfeasibleError, or InputError when nothing was profiled."""
        goal = self.goal(device, options)
        link, source = self.link(device, options)
        profiled = self._profiled(device, goal, (link, *neighbourhood(goal.constraints.limit_ms)))
        table = self._in_service(device, profiled)
        begun = time.perf_counter()
        decision = search(table, link, goal.constraints)
        elapsed_ms = 1000 * (time.perf_counter() - begun)
        return SearchAnswer(
            device=device,
            link=link.summary(),
            link_source=source,
            constraints=goal.constraints,
            chosen=decision.chosen,
            deployed=self._deployed(device, table, link, goal.constraints),
            deployed_as_profiled=self._deployed(device, profiled, link, goal.constraints),
            runners_up=decision.runners_up,
            candidates=decision.candidates,
            feasible=decision.feasible,
            search_ms=elapsed_ms,
            text=explain(decision),
            predictor=self._planner.report,
            fronts=fronts(table, link, goal.constraints),
            power=table.power,
            enumerated=table.shortlist.of(decision.chosen.candidate) if table.shortlist else None,
            accuracy_floor=decision.saving.floor if decision.saving else None,
        )

    def _deployed(self, device: str, table: CandidateTable, link: Link, constraints: Constraints) -> Scored | None:
        newest = self._store.deployments(device, Deployment, 1)
        if not newest or not table.holds(newest[0].candidate):
            return None
        return score_candidate(table, link, constraints, newest[0].candidate)

    def goal(self, device: str, options: Options) -> Goal:
        """From the options, on top of what was asked for before; the board's own memory limits always hold."""
        goal = parse_goal(options, self._store.get("goal", device, Goal))
        state = self._store.get("state", device, State)
        if state is None or state.capabilities is None:
            return goal
        constraints = replace(
            goal.constraints,
            arena_bytes=_tighter(goal.constraints.arena_bytes, state.capabilities.arena_bytes),
            # The next head is installed beside the one in use.
            flash_bytes=_tighter(goal.constraints.flash_bytes, (state.capabilities.flash_bytes + 1) // 2),
        )
        return replace(goal, constraints=constraints)

    def cost_document(self, device: str) -> CostDocument:
        """The device's cost model with the table of all blocks of the space; InputError like :meth:`cost_model`."""
        return tabulate(self.cost_model(device), self._planner.catalogue.block_keys)

    def cost_model(self, device: str) -> CostModel:
        """The device's cost model; InputError when it was never profiled."""
        model = self._store.get(COST_MODEL, device, CostModel)
        if model is None:
            raise InputError(f"{device} was never profiled; run: nasc-sdk calibrate --device {device}")
        return model

    def link(self, device: str, options: Options) -> tuple[Link, str]:
        """The link the user gave, else the one that the board measured; InputError when there is neither."""
        given = parse_link(options)
        if given is not None:
            return given, "given"
        measured = self.measured_link(device)
        if measured is None and self._store.get("state", device, State) is None:
            raise InputError(f"no device called {device} was ever seen here; nasc-sdk status shows who is there")
        if measured is None:
            raise InputError(
                f"{device} has not measured its link yet; start the edge server, or give "
                "--throughput-mbit-s and --round-trip-ms"
            )
        return measured, "measured"

    def measured_link(self, device: str) -> Link | None:
        """What the board reported last; None when it has not."""
        report = self._mailbox.get("link", device, LinkReport) or self._store.get("link", device, LinkReport)
        return None if report is None else Link(report.throughput_mbit_s, report.round_trip_ms, report.loss)

    def table(
        self, device: str, goal: Goal, links: tuple[Link, ...] = (), archs: tuple[str, ...] = ()
    ) -> CandidateTable:
        """Candidates of this board and its server, corrected by what was served; InputError when one of them was never
        profiled.

        Of a space too large to list: what suits ``links``, the present one first, ``archs``, and what was evaluated.
        """
        return self._in_service(device, self._profiled(device, goal, links, archs))

    def _in_service(self, device: str, profiled: CandidateTable) -> CandidateTable:
        return corrected(profiled, self._served(device))

    def _served(self, device: str) -> ServedLog:
        return self._store.get(SERVED, device, ServedLog) or ServedLog()

    def _profiled(
        self, device: str, goal: Goal, links: tuple[Link, ...], archs: tuple[str, ...] = ()
    ) -> CandidateTable:
        codings = self.codings(device).intersection(self.codings(goal.edge), known_codings())
        deployed = (item.candidate.arch for item in self._store.deployments(device, Deployment, 1))
        served = (item.candidate.arch for item in self._served(device).entries)
        wanted = Wanted(goal.constraints, links, (*archs, *deployed, *served))
        table = self._planner.table(self.cost_model(device), self.cost_model(goal.edge), codings, wanted)
        return replace(table, power=self._power(device, goal))

    def codings(self, device: str) -> frozenset[Entropy]:
        """Entropy codings that a device said it can do."""
        state = self._store.get("state", device, State)
        if state is None or state.capabilities is None:
            return frozenset(EVERYWHERE)
        return frozenset(coding for coding in Entropy if coding.value in state.capabilities.entropy)

    def _power(self, device: str, goal: Goal) -> Power:
        """What the user says, else what was measured, else that of some board."""
        if goal.power_w is not None:
            busy_w, idle_w = goal.power_w
            return Power(idle_w, busy_w, "as given by --power-w")
        profile = self._store.get("profile", device, Profile)
        return UNKNOWN_BOARD if profile is None or profile.power is None else profile.power


def parse_goal(options: Options, before: Goal | None) -> Goal:
    """Goal from options; InputError names what is unknown, missing or out of range.

    Without an objective that of the goal before holds; with one, floor and budget are those of the options alone, and
    for latency the limit as well.
    """
    unknown = set(options) - _GOAL_OPTIONS - _LINK_OPTIONS - _BY_HAND
    if unknown:
        raise InputError(f"unknown options: {', '.join(sorted(unknown))}")
    old = before.constraints if before else Constraints(None)
    may_leave = bool(options.get("raw_input_may_leave", not old.raw_input_stays))
    aim = parse_aim(options, old.aim)
    return Goal(
        Constraints(
            _parse_limit(options, aim, old.limit_ms),
            number(options, "percentile", old.percentile),
            not may_leave,
            int(number(options, "arena_bytes", old.arena_bytes)),
            int(number(options, "flash_bytes", old.flash_bytes)),
            number(options, "max_server_ms", old.max_server_ms),
            aim,
        ),
        str(options.get("edge", before.edge if before else "edge")),
        bool(options.get("automatic", before.automatic if before else True)),
        parse_power(str(options["power_w"])) if "power_w" in options else (before.power_w if before else None),
    )


def _parse_limit(options: Options, aim: Aim, before: float | None) -> float | None:
    """What latency is to be least of, need not be limited."""
    if "limit_ms" in options:
        return number(options, "limit_ms", 0.0)
    if aim.objective is Objective.LATENCY:
        return None if "objective" in options else before
    if before is None:
        raise InputError("no latency limit; give --limit-ms (only --objective latency does without one)")
    return before


def parse_aim(options: Options, before: Aim) -> Aim:
    """Objective, floor and budget; InputError when one is out of range or does not go with the objective."""
    try:
        objective = Objective(str(options.get("objective", before.objective.value)))
    except ValueError:
        known = ", ".join(Objective)
        raise InputError(f"unknown objective {options['objective']!r}; known are: {known}") from None
    old = MOST_ACCURATE if "objective" in options else before
    for name in ("min_accuracy", "max_energy_mj"):
        if name in options and not number(options, name, 0.0) > 0:
            raise InputError(f"{name} is a positive number, not {options[name]!r}")
    return Aim(
        objective,
        number(options, "min_accuracy", old.min_accuracy),
        number(options, "max_energy_mj", old.max_energy_mj),
    )


def parse_power(text: str) -> tuple[float, float] | None:
    """Busy and idle watts from ``BUSY[,IDLE]``, None from ``profile``, which forgets what was given before.

    Without IDLE it is the share of BUSY that it is on an unknown board.
    """
    if text == FROM_PROFILE:
        return None
    shape = f"--power-w takes BUSY[,IDLE] in watts, 0 <= IDLE <= BUSY <= {MOST_W:g} and BUSY > 0, not {text!r}"
    try:
        busy_w, *rest = map(float, text.split(","))
    except ValueError:
        raise InputError(shape) from None
    idle_w = rest[0] if rest else busy_w * UNKNOWN_BOARD.idle_w / UNKNOWN_BOARD.busy_w
    # Comparisons with NaN are false.
    if len(rest) > 1 or not (0 <= idle_w <= busy_w <= MOST_W and busy_w > 0):
        raise InputError(shape)
    return busy_w, idle_w


def parse_link(options: Options) -> Link | None:
    """A fixed link from options, None when none is given; InputError when only half of it is."""
    given = _LINK_OPTIONS & set(options)
    if not given:
        return None
    if not given >= _MEDIANS:
        alone = "; what a measured link loses is in its samples" if "loss" in given else ""
        raise InputError(f"a link is given by both --throughput-mbit-s and --round-trip-ms{alone}")
    throughput, trip, loss = (number(options, name, 0.0) for name in ("throughput_mbit_s", "round_trip_ms", "loss"))
    return Link.fixed(throughput, trip, loss)


def number(options: Options, name: str, default: float) -> float:
    """A finite number from options; InputError when it is something else."""
    try:
        value = float(options.get(name, default))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{name} is a number, not {options[name]!r}") from error
    if not math.isfinite(value):
        raise InputError(f"{name} is a finite number, not {value}")
    return value


def fronts(table: CandidateTable, link: Link, constraints: Constraints) -> tuple[FrontPoint, ...]:
    """Accuracy-latency fronts of each kind over one link, for plots."""
    return tuple(
        FrontPoint(kind.value, point.candidate, point.accuracy, point.limited_ms)
        for kind in Kind
        for point in pareto_front(table, link, constraints, kind)
    )


def _tighter(asked: int, has: int) -> int:
    """The smaller of two limits where 0 means none."""
    return min(asked, has) if asked and has else asked or has
