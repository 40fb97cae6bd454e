"""The exact joint search: every candidate over the present link, in milliseconds.

Chosen is the most accurate feasible candidate; among equals the fastest, then the first of the space. Where energy or
latency is what counts, see :mod:`nasc_search.joint.frugal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nasc_sdk.candidate import Candidate
from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import Power
from nasc_search.joint.aim import MOST_ACCURATE, SAVING
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import Contenders, Index, contenders
from nasc_search.joint.enumerated import Shortlist
from nasc_search.joint.flips import Flip, find_flips
from nasc_search.joint.frugal import Frugal, find_frugal
from nasc_search.joint.infeasible import infeasible
from nasc_search.joint.scored import Scored, amount, cost, score, score_candidate, shortcoming
from nasc_search.joint.survey import survey
from nasc_search.joint.table import Array, CandidateTable, Kind

_NEARLY: Final = 1.1
_NAMES: Final = 8
"""Architectures looked at for each one shown: dead edges give one network several names."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What least energy or latency was looked for among."""

    floor: float
    """Least accuracy, 0..1."""
    most_accurate: Scored
    """Within limit, rules and budget, whatever it takes."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was chosen over a link, and what one needs to understand it."""

    constraints: Constraints
    link: Link
    chosen: Scored
    runners_up: tuple[Scored, ...]
    """The next best architectures, each at its fastest cut; other names of the same network are left out."""
    candidates: int
    feasible: int
    all_local: Scored
    """The best feasible one, or the fastest when none is feasible."""
    all_edge: Scored
    """The same; it may be forbidden because the raw input stays on the board."""
    split: Scored | None
    more_accurate: int
    """Architectures with a more accurate candidate than the chosen one, none of which is feasible; 0 where energy or
    latency counts.
    """
    denied: Scored | None
    """The fastest of those."""
    flips: tuple[Flip, ...]
    extrapolated: tuple[str, ...]
    """Operators whose time nobody measured on one of the devices."""
    power: Power
    """Of the board, for the candidates' energy."""
    saving: Saving | None = None
    """Where energy or latency counts."""
    coding_assumed: tuple[str, ...] = ()
    """Devices on which packing and entropy coding were never measured."""
    shortlist: Shortlist | None = None
    """Where the space holds more than the table."""


def search(table: CandidateTable, link: Link, constraints: Constraints, runners_up: int = 3) -> Decision:
    """The best candidate by the constraints' aim; InfeasibleError with the nearest ones when none meets them."""
    frugal = find_frugal(table, link, constraints) if constraints.aim.saves else None
    seen, count = frugal or survey(table, link, constraints), _NAMES * (runners_up + 1)
    if not seen.feasible:
        raise infeasible(table, link, constraints)
    winners = seen.rows(count)
    best, *others = _distinct([score(table, link, constraints, *winner) for winner in winners])
    few = contenders(table, constraints)
    times = few.total_ms(link, constraints.percentile)
    ends = {kind: _best_of(few, times, kind, link, constraints, frugal) for kind in Kind}
    local, edge = ends[Kind.ALL_LOCAL], ends[Kind.ALL_EDGE]
    assert local is not None
    assert edge is not None
    denied = few.fastest(np.where(few.accuracy > best.accuracy, times, np.inf)) if frugal is None else None
    return Decision(
        constraints=constraints,
        link=link,
        chosen=best,
        runners_up=tuple(others[:runners_up]),
        candidates=table.size,
        feasible=seen.feasible,
        all_local=local,
        all_edge=edge,
        split=ends[Kind.SPLIT],
        more_accurate=0 if frugal else int(np.count_nonzero(table.most_accurate > best.accuracy)),
        denied=score(table, link, constraints, *denied) if denied else None,
        flips=find_flips(few, link, constraints, winners[0], frugal.floor if frugal else 0.0),
        extrapolated=table.extrapolated,
        power=table.power,
        saving=Saving(frugal.floor, frugal.most_accurate) if frugal else None,
        coding_assumed=table.coding.assumed,
        shortlist=table.shortlist,
    )


def search_nearest(table: CandidateTable, link: Link, constraints: Constraints) -> Decision:
    """For a limit that nothing meets: the best candidate among those nearly as fast as the fastest allowed one.

    The decision's constraints hold the limit that it was taken for. Energy and latency do not count then: a board that
    misses its goal is not to save. InfeasibleError when nothing fits the board and the server's budget.
    """
    times = contenders(table, constraints).total_ms(link, constraints.percentile)
    least, limit_ms = float(times.min(initial=np.inf)), constraints.limit_ms
    if limit_ms is not None and np.isfinite(least):
        # What keeps the limit, but not the floor or the budget, need not be faster than the limit.
        limit_ms = max(_NEARLY * least, limit_ms)
    return search(table, link, replace(constraints, limit_ms=limit_ms, aim=MOST_ACCURATE))


def finalists(table: CandidateTable, link: Link, constraints: Constraints, n: int) -> tuple[Scored, ...]:
    """The ``n`` best feasible architectures, to be evaluated for real; fewer if need be.

    Where energy or latency counts, the most accurate one as well, which the floor may hang on.
    """
    seen = survey(table, link, constraints)
    if constraints.aim.saves and seen.feasible:
        frugal = find_frugal(table, link, constraints)
        found = [score(table, link, constraints, *row) for row in frugal.rows(n)]
        return tuple(dict.fromkeys([*found, frugal.most_accurate]))
    return tuple(score(table, link, constraints, *row) for row in seen.rows(n))


def worth_switching(
    current: Candidate,
    proposed: Candidate,
    table: CandidateTable,
    link: Link,
    constraints: Constraints,
    margin: float = 0.003,
    floor: float = 0.0,
) -> tuple[bool, str]:
    """Whether to deploy ``proposed`` in place of ``current``, and why; ``margin`` is in accuracy, 0..1.

    Where energy or latency counts, the margin is ``SAVING``, and ``floor`` is the least accuracy that the proposal was
    chosen for.
    Installing a head costs the board time and flash, so a gain within the predictor's noise is not worth it.
    """
    now = score_candidate(table, link, constraints, current)
    then = score_candidate(table, link, constraints, proposed)
    if current == proposed:
        return False, "it already runs"
    if not then.feasible:
        return False, f"the proposed candidate {shortcoming(then, constraints)}"
    if not now.feasible:
        return True, f"the present candidate {shortcoming(now, constraints)}"
    if constraints.aim.saves:
        return _saves_enough(now, then, constraints, floor)
    gain = then.accuracy - now.accuracy
    if gain >= margin:
        return True, f"{100 * gain:.2f} points more accurate"
    return False, f"{100 * gain:+.2f} points are less than the margin of {100 * margin:.2f}"


def steps_down(
    current: Candidate, proposed: Candidate, table: CandidateTable, before: Link, link: Link, constraints: Constraints
) -> bool:
    """Whether ``proposed`` gives up what ``current`` would keep over ``before``, the link as estimated before ``link``.

    A single estimate may be a hiccup of the machine, which looks like a worse link: another one is to agree before
    accuracy is given up, or energy or latency where those count.
    """
    now = score_candidate(table, before, constraints, current)
    then = score_candidate(table, before, constraints, proposed)
    objective = constraints.aim.objective
    if not now.feasible or not constraints.aim.saves:
        return now.feasible and then.accuracy < now.accuracy
    worse = cost(score_candidate(table, link, constraints, current), objective) > cost(now, objective)
    return worse and cost(then, objective) > cost(now, objective)


def _saves_enough(now: Scored, then: Scored, constraints: Constraints, floor: float) -> tuple[bool, str]:
    if now.accuracy < floor:
        return True, f"the present candidate reaches accuracy {now.accuracy:.2%}, the floor is {floor:.2%}"
    objective = constraints.aim.objective
    saved = 1 - cost(then, objective) / cost(now, objective)
    if saved >= SAVING:
        return True, f"{saved:.0%} less {objective.value} ({amount(then, constraints)})"
    return False, f"{saved:.1%} less {objective.value} is less than the margin of {SAVING:.0%}"


def _best_of(
    few: Contenders, times: Array, kind: Kind, link: Link, constraints: Constraints, frugal: Frugal | None
) -> Scored | None:
    """Best feasible candidate of a kind, else the most accurate within the limit, else the fastest allowed one, else
    the fastest. ``times`` are the contenders' totals.
    """
    table, cuts = few.table, few.table.cuts_of(kind)
    rows = frugal.rows(1, cuts) if frugal else []
    mine = np.where(np.isin(few.cuts, range(table.cuts)[cuts]), times, np.inf)
    index = rows[0] if rows else few.most_accurate(mine, constraints.bound_ms) or few.fastest(mine)
    index = index or _fastest(table, link, constraints.percentile, cuts)
    return score(table, link, constraints, *index) if index else None


def _fastest(table: CandidateTable, link: Link, percentile: float, cuts: slice) -> Index | None:
    """The fastest candidate at some cuts, allowed or not; None where nothing can be cut."""
    there = np.zeros_like(table.legal)
    there[cuts] = table.legal[cuts]
    places = np.argwhere(there)
    if not places.size:
        return None
    rows = np.arange(len(table.archs))[:, None]
    total = table.total_of(link, percentile, rows, *places.T)
    row, at = np.unravel_index(int(total.argmin()), total.shape)
    cut, code = places[at].tolist()
    return int(row), cut, code


def _distinct(scored: Sequence[Scored]) -> list[Scored]:
    """The first of those that agree in accuracy, time and memory to the last bit: one network, several names."""
    first: dict[tuple[float, float, int, int], Scored] = {}
    for item in scored:
        first.setdefault((item.accuracy, item.limited_ms, item.arena_bytes, item.flash_bytes), item)
    return list(first.values())
