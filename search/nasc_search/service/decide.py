"""Decides: table, link and goal in; a Decision out. Evaluates finalists for real before it commits, or decides at once.

The accuracy of most architectures is predicted from a few hundred evaluated ones. A winner that was only predicted is
evaluated on the validation images and the search repeated with the real value, until the winner is an evaluated one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import InfeasibleError
from nasc_sdk.link.link import Link
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.joint.aim import SAVING
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.exact import Decision, finalists, search, search_nearest
from nasc_search.joint.scored import Scored, cost, score
from nasc_search.joint.table import CandidateTable

FINALISTS: Final = 3
_MAX_ROUNDS: Final = 4
MARGIN: Final = 0.001
"""Accuracy, 0..1, that makes another candidate worth a rollout, which takes a fraction of a second."""
HEADROOM: Final = 0.9
"""Share of the limit that the service plans with when it adapts."""
_LONGEST_MS: Final = 100.0
"""Round trip that is looked ahead to where there is no limit."""

Evaluate = Callable[[Candidate], float]
"""Accuracy on the validation images, 0..1, encoded as the candidate is."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A decision, and the table it was taken from (with the finalists' real accuracies)."""

    decision: Decision
    table: CandidateTable
    evaluated: dict[str, float]
    """What was evaluated on the way, by :func:`nasc_search.accuracy.keys.accuracy_key`."""


def decide(
    table: CandidateTable, link: Link, constraints: Constraints, evaluate: Evaluate, count: int = FINALISTS
) -> Planned:
    """Exact search, then real evaluations of the finalists until the winner is an evaluated one.

    Raises InfeasibleError when nothing meets the constraints. Bounded: after four rounds the best evaluated
    finalist is taken as it is.
    """
    evaluated: dict[str, float] = {}
    for _ in range(_MAX_ROUNDS):
        best = [item.candidate for item in finalists(table, link, constraints, count) if not item.evaluated]
        if not best:
            break
        found = {accuracy_key(candidate): evaluate(candidate) for candidate in best}
        evaluated |= found
        table = table.with_accuracy(found)
    decision = search(table, link, constraints)
    if not decision.chosen.evaluated:
        decision = search(_only_evaluated(table), link, constraints)
    return Planned(decision, table, evaluated)


def decide_at_once(
    table: CandidateTable, link: Link, constraints: Constraints, ready: Collection[str]
) -> Decision:
    """Exact search among architectures whose accuracy was measured: nothing is evaluated, so nothing is waited for.

    A tenth of the limit is left unused where something meets that: nobody looks at a choice that the service makes by
    itself, and one that misses the limit by its prediction's error is followed by another. Architectures that are
    ``ready`` to be installed come first, unless another is more accurate by ``MARGIN``, or saves ``SAVING`` where that
    counts. Raises InfeasibleError when nothing meets the constraints.
    """
    known = evaluated_part(table) or _only_evaluated(table)
    limit_ms = constraints.limit_ms
    careful = replace(constraints, limit_ms=HEADROOM * limit_ms) if limit_ms is not None else constraints
    for goal in (careful, constraints):
        with contextlib.suppress(InfeasibleError):
            best = search(known, link, goal)
            if best.chosen.evaluated:
                constraints = goal
                break
    else:
        # Whatever keeps the limit then is better than nothing, though its accuracy is predicted only.
        return search(table, link, constraints)
    at_hand = evaluated_part(replace(known, evaluated=known.evaluated & known.named(ready)))
    if at_hand is None:
        return best
    if best.saving is not None:
        # The floor is that of all candidates, not of those at hand.
        constraints = replace(constraints, aim=replace(constraints.aim, min_accuracy=max(best.saving.floor, 0.0)))
    try:
        ready_one = search(at_hand, link, constraints)
    except InfeasibleError:
        return best
    if best.saving is None:
        return ready_one if ready_one.chosen.accuracy > best.chosen.accuracy - MARGIN else best
    ready_cost, best_cost = (cost(one.chosen, constraints.aim.objective) for one in (ready_one, best))
    return ready_one if (1 - SAVING) * ready_cost < best_cost else best


def decide_nearest(table: CandidateTable, link: Link, constraints: Constraints) -> Decision:
    """The same for constraints that nothing meets: what comes nearest to the limit, whatever the aim."""
    return search_nearest(_evaluated_rows(table) or table, link, constraints)


def winners(table: CandidateTable, links: Iterable[Link], constraints: Constraints) -> tuple[Scored, ...]:
    """What wins at any of these links, one of each :func:`nasc_search.accuracy.keys.accuracy_key`, in order of first
    appearance: worth preparing ahead.
    """  # fmt: skip
    few = contenders(table, constraints)
    found: dict[str, Scored] = {}
    for link in links:
        index = few.winner(link, constraints)
        if index is not None:
            best = score(table, link, constraints, *index)
            found.setdefault(accuracy_key(best.candidate), best)
    return tuple(found.values())


def evaluated_part(table: CandidateTable) -> CandidateTable | None:
    """Only architectures of which something was evaluated: a few hundred, searched in milliseconds; None if none."""
    part = _evaluated_rows(table)
    return None if part is None else _only_evaluated(part)


def _evaluated_rows(table: CandidateTable) -> CandidateTable | None:
    rows = table.evaluated.any(axis=(1, 2))
    return table.only(rows) if rows.any() else None


def _only_evaluated(table: CandidateTable) -> CandidateTable:
    """Predicted accuracies count nothing, so that an evaluated architecture wins where one is feasible."""
    return replace(table, accuracy=np.where(table.evaluated, table.accuracy, 0.0))


def neighbourhood(limit_ms: float | None) -> tuple[Link, ...]:
    """Link states around which a link may move: 0.5 to 100 Mbit/s, round trips up to the limit, or to 100 ms."""
    longest_ms = _LONGEST_MS if limit_ms is None else limit_ms
    throughputs = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    round_trips = tuple(longest_ms * share for share in (0.05, 0.2, 0.35, 0.5, 0.75, 1.0))
    return tuple(Link.fixed(throughput, trip) for throughput in throughputs for trip in round_trips)
