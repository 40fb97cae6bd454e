"""The verb ``deploy``, and what :mod:`adapting` asks for: decide, make bundles, roll out, remember."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from nasc_sdk.bundle import Bundle
from nasc_sdk.candidate import INT8, Candidate, Entropy
from nasc_sdk.entropy import known_codings
from nasc_sdk.errors import InfeasibleError, MissingExtraError, RefusedError, UnreachableError
from nasc_sdk.link.link import Link
from nasc_sdk.protocol.messages import State
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.joint.exact import Decision, steps_down, worth_switching
from nasc_search.joint.explain import asked, explain
from nasc_search.joint.scored import Scored, score_candidate
from nasc_search.joint.table import CandidateTable
from nasc_search.service.bundles import Bundles
from nasc_search.service.by_hand import describe, named_candidate
from nasc_search.service.decide import (
    MARGIN,
    Evaluate,
    decide,
    decide_at_once,
    decide_nearest,
    evaluated_part,
    neighbourhood,
    winners,
)
from nasc_search.service.heartbeat import heartbeat
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.planner import Planner
from nasc_search.service.records import DeployAnswer, Deployment, Goal
from nasc_search.service.rollout import Rollout
from nasc_search.service.searching import Options, Searching, fronts, number
from nasc_search.service.store import Store
from nasc_search.service.target import target_of
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.pace import StepReport

Progress = Callable[[int, int, str], None]
ROLLOUT_TIMEOUT_S: Final = 30.0
_CLEARLY_SLOWER: Final = 1.3
"""Where nothing meets the limit, what runs is replaced when it takes so many times as long as the nearest."""
AHEAD: Final = 6
"""Architectures that are evaluated and made ready for other link states after a deployment."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another candidate that is worth a rollout, with what it was decided on."""

    goal: Goal
    link: Link
    table: CandidateTable
    decision: Decision
    reason: str
    search_s: float
    steps_down: bool
    """It gives up accuracy, though what runs was within the goal over the link as it was estimated before."""


class Deploying:
    """Runs one rollout at a time."""

    def __init__(
        self, store: Store, mailbox: Mailbox, workshop: Workshop, planner: Planner, searching: Searching,
        rollout: Rollout, weights: str,
    ) -> None:  # fmt: skip
        self._store, self._mailbox, self._workshop, self._planner = store, mailbox, workshop, planner
        self._searching, self._rollout, self._weights = searching, rollout, weights
        self._made = Bundles(workshop.dataset, workshop.sample_image())

    def run(self, device: str, options: Options, progress: Progress) -> DeployAnswer:
        """Search (or take ``arch`` and ``cut``), roll out, and get ready for other link states."""
        goal = self._searching.goal(device, options)
        link, _ = self._searching.link(device, options)
        by_hand = (str(options["arch"]),) if "arch" in options else ()
        for arch in by_hand:
            # Refuses an unknown one with what is known.
            self._workshop.supernet.space.network(arch)
        links = link, *neighbourhood(goal.constraints.limit_ms)
        table = self._searching.table(device, goal, links, by_hand)
        begun = time.monotonic()
        progress(0, AHEAD + 2, "searching")
        evaluate = self._evaluating(lambda text: progress(0, AHEAD + 2, text))
        if "arch" in options:
            chosen, text = self._by_hand(device, table, link, goal, options)
            planned, reason = None, "asked for by hand"
        else:
            planned = decide(table, link, goal.constraints, evaluate)
            chosen, table = self._with_own(planned.decision.chosen), planned.table
            reason = _reason(planned.decision)
            text = explain(replace(planned.decision, chosen=chosen))
        if "finetune_epochs" in options:
            chosen, text = self._finetuned(device, goal, link, chosen, options, text, progress)
        self._store.put("goal", device, goal)
        fallback = planned.decision.all_local.candidate if planned else self._fallback(table, link, goal, evaluate)
        seconds = {"search": time.monotonic() - begun}
        progress(1, AHEAD + 2, "installing")
        deployment = self._roll_out(device, goal, chosen, fallback, link, reason, seconds)
        prepared = self._get_ready(table, goal, progress) if goal.automatic else 0
        return DeployAnswer(deployment, text, fronts(table, link, goal.constraints), prepared, table.power)

    def propose(self, device: str, goal: Goal, link: Link, before: Link | None) -> Proposal | str:
        """Search again; another candidate that is worth a rollout, or why the present one is kept.

        ``before`` is the estimate of the link before ``link``; None for that of the rollout.
        Only architectures that were evaluated before take part: a board that misses its limit does not wait. Where
        nothing meets the goal, what comes nearest is proposed if it is clearly faster than what runs; else
        InfeasibleError is raised.
        """
        begun = time.monotonic()
        goal = self._searching.goal(device, {})
        table = self._searching.table(device, goal)
        newest = list(self._store.deployments(device, Deployment, 1))
        reason = "nothing was deployed before"
        if newest and not table.holds(newest[0].candidate):
            reason = f"{newest.pop().candidate} is no candidate any more"
        try:
            decision = decide_at_once(table, link, goal.constraints, self._workshop.ready)
        except InfeasibleError:
            decision = decide_nearest(table, link, goal.constraints)
            nearest_ms = decision.chosen.limited_ms
            if newest:
                now = score_candidate(table, link, goal.constraints, newest[0].candidate)
                if now.limited_ms <= _CLEARLY_SLOWER * nearest_ms:
                    raise
            reason = f"over {link} nothing meets what was asked for ({asked(goal.constraints)}); this comes nearest"
        else:
            if newest:
                worth, reason = worth_switching(
                    newest[0].candidate, decision.chosen.candidate, table, link, goal.constraints, MARGIN,
                    floor=decision.saving.floor if decision.saving else 0.0,
                )  # fmt: skip
                if not worth:
                    return reason
        down = bool(newest) and steps_down(
            newest[0].candidate, decision.chosen.candidate, table, before or newest[0].link, link, goal.constraints
        )
        return Proposal(goal, link, table, decision, reason, time.monotonic() - begun, down)

    def get_ready(self, device: str, proposal: Proposal) -> None:
        """Make beforehand what carrying the proposal out would need."""
        for scored in dict.fromkeys((proposal.decision.chosen, proposal.decision.all_local)):
            self._bundles(device, scored.candidate)

    def carry_out(self, device: str, proposal: Proposal, queued_s: float) -> DeployAnswer:
        """Roll a proposal out; ``queued_s`` is what passed between its cause and the search."""
        decision, link = proposal.decision, proposal.link
        seconds = {"queued": queued_s, "search": proposal.search_s}
        fallback = decision.all_local.candidate
        deployment = self._roll_out(device, proposal.goal, decision.chosen, fallback, link, proposal.reason, seconds)
        shown = fronts(evaluated_part(proposal.table) or proposal.table, link, proposal.goal.constraints)
        return DeployAnswer(deployment, explain(decision), shown, power=proposal.table.power)

    def _evaluating(self, say: Callable[[str], None]) -> Evaluate:
        """Asks the accuracy source; ``say`` hears of it every few seconds."""

        def evaluate(candidate: Candidate) -> float:
            with heartbeat(say) as speak:
                speak(f"{self._planner.source.name}: accuracy of {candidate.arch}")
                return self._planner.evaluate(candidate, self._measure)

        return evaluate

    def _measure(self, candidate: Candidate) -> float:
        """With the supernet's weights, once."""
        known = self._planner.own_accuracy(candidate)
        if known is not None:
            return known
        accuracy = self._workshop.accuracy(candidate)
        self._remember(accuracy_key(candidate), accuracy)
        return accuracy

    def _with_own(self, scored: Scored) -> Scored:
        """With what the deployed weights reach, where another source tells accuracies."""
        return replace(scored, own_accuracy=self._measure(scored.candidate)) if scored.told_by else scored

    def _remember(self, key: str, accuracy: float) -> None:
        self._store.put_accuracy(self._weights, key, accuracy)
        self._planner.add({key: accuracy})

    def _finetuned(
        self, device: str, goal: Goal, link: Link, chosen: Scored, options: Options, text: str, progress: Progress
    ) -> tuple[Scored, str]:
        """The same candidate with weights of its own, where those are better; what that gained is in the text."""
        candidate = chosen.candidate

        def report(now: StepReport) -> None:
            left = f"{now.images_per_s:.0f} images/s, {now.remaining_s:.0f} s left"
            progress(now.step, now.steps, f"fine-tuning: loss {now.loss:.3f}, {left}")

        tuned = self._workshop.finetune(candidate.arch, int(number(options, "finetune_epochs", 0)), report)
        gained = f"validation accuracy {tuned.accuracy_before:.2%} before, {tuned.accuracy_after:.2%} after"
        if not tuned.better:
            return chosen, f"{text}\n\nfine-tuning gained nothing: {gained}; the supernet's weights are used"
        self._remember(candidate.arch, tuned.accuracy_after)
        table = self._searching.table(device, goal, archs=(candidate.arch,))
        return score_candidate(table, link, goal.constraints, candidate), f"{text}\n\nfine-tuned: {gained}"

    def _by_hand(
        self, device: str, table: CandidateTable, link: Link, goal: Goal, options: Options
    ) -> tuple[Scored, str]:
        """A candidate and what is predicted of it; it may miss the limit, but not break the rules of the board."""
        candidate = named_candidate(options)
        self._refuse_unknown(candidate.encoding.entropy, device, goal.edge)
        chosen = self._with_own(score_candidate(table, link, goal.constraints, candidate))
        return chosen, describe(chosen, goal, link, table.power)

    def _refuse_unknown(self, coding: Entropy, *devices: str) -> None:
        """RefusedError for an entropy coding that a device cannot do, MissingExtraError where it is this service."""
        for device in devices:
            if coding not in self._searching.codings(device):
                reason = f"{device} cannot do {coding.value}; run there: pip install 'nasc-sdk[zstd]', and restart it"
                raise RefusedError("unsupported_encoding", reason)
        if coding not in known_codings():
            raise MissingExtraError(f"{coding.value} of the search service", "zstd")

    def _fallback(self, table: CandidateTable, link: Link, goal: Goal, evaluate: Evaluate) -> Candidate:
        """The best network that fits the board alone: answers when the server is lost."""
        try:
            return decide(table, link, goal.constraints, evaluate, count=1).decision.all_local.candidate
        except InfeasibleError:
            fastest = int(table.head_ms[:, -1].argmin())
            return Candidate(table.archs[fastest], table.cuts - 1, INT8)

    def _bundles(self, device: str, candidate: Candidate) -> tuple[Bundle, Bundle | None]:
        state = self._mailbox.get("state", device, State) or self._store.get("state", device, State)
        if state is None or state.capabilities is None:
            raise UnreachableError(device, "never said what it can run; see: nasc-sdk status")
        return self._made.of(self._workshop.encode(candidate), target_of(state.capabilities.conditions))

    def _roll_out(
        self, device: str, goal: Goal, chosen: Scored, fallback: Candidate, link: Link, reason: str,
        seconds: dict[str, float],
    ) -> Deployment:  # fmt: skip
        begun = time.monotonic()
        head, tail = self._bundles(device, chosen.candidate)
        spare = () if fallback == chosen.candidate else (self._bundles(device, fallback)[0],)
        heads = (head, *spare)
        seconds["prepare"] = time.monotonic() - begun
        rolled = self._rollout.run(device, goal.edge, heads, tail, reason, ROLLOUT_TIMEOUT_S)
        seconds |= {"edge": rolled.edge_s, "board": rolled.board_s}
        deployment = Deployment(
            device=device,
            candidate=chosen.candidate,
            contract=head.manifest.contract.id,
            predicted=chosen,
            link=link,
            reason=reason,
            board_version=rolled.board_version,
            started_unix_s=time.time() - sum(seconds.values()),
            seconds=seconds,
            fallback=heads[-1].manifest.contract.id if rolled.heads > 1 else "",
        )
        self._store.add_deployment(device, deployment)
        return deployment

    def _get_ready(self, table: CandidateTable, goal: Goal, progress: Progress) -> int:
        """Evaluate and prepare what would win over other links, so that a link change costs no training time."""
        links, ready = neighbourhood(goal.constraints.limit_ms), 0
        done = 0
        evaluate = self._evaluating(lambda text: progress(2 + done, AHEAD + 2, text))
        for done in range(AHEAD):
            progress(2 + done, AHEAD + 2, "getting ready for other links")
            unsure = [best.candidate for best in winners(table, links, goal.constraints) if not best.evaluated]
            if not unsure:
                break
            # A real accuracy may dethrone the winner: the next round looks again.
            table = table.with_accuracy({accuracy_key(unsure[0]): evaluate(unsure[0])})
        for best in winners(table, links, goal.constraints)[:AHEAD]:
            self._workshop.encode(best.candidate)
            ready += 1
        return ready


def _reason(decision: Decision) -> str:
    limit, aim = decision.constraints.limit_ms, decision.constraints.aim
    within = f"over {decision.link}" if limit is None else f"within {limit:g} ms over {decision.link}"
    if decision.saving is None:
        return f"most accurate {within}"
    return f"least {aim.objective.value} at accuracy {decision.saving.floor:.2%} or more {within}"
