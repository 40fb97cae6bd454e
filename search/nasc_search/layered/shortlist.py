"""Shortlists: of a space too large to list, the architectures that can win at a link, found by sums.

Times and scores of layers add up nearly: times but for the spread of a whole run, accuracies but for what layers are
to each other. The exact search over the sums (:mod:`.layered_search`) lists what scores highest, at times taken between
all medians and well beyond all percentiles, for each kind of candidate, over the present link and those that it may
become. The candidate table then weighs all of them in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.cost.model import Z95
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.table import Array, CandidateTable, Kind, normal_quantile
from nasc_search.layered.search import Crossing, LayeredSearch, Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nasc_sdk.cost.model import CostModel
    from nasc_sdk.link.link import Link

NEAR: Final = 50
"""Of each kind of candidate, over the present link."""
_NEAR_ELSEWHERE: Final = 8
_SPREADS: Final = (0.0, 0.5, 1.0, 2.0)
"""Shares of the way from the median to the percentile that the times of blocks are taken at."""
_SHARES: Final = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.13, 0.08, 0.05)
"""Of the limit, where something else than accuracy counts: what takes less is less accurate."""
_MORE: Final = 1.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search is about; of a space that can be listed nothing of it is needed."""

    constraints: Constraints
    links: tuple[Link, ...] = ()
    """The present one first, then those that it may become."""
    archs: tuple[str, ...] = ()
    """To be in the table whatever they are worth."""


@dataclass(frozen=True, slots=True)
class Near:
    """What :func:`near` lists: codes of architectures."""

    here: frozenset[tuple[int, ...]]
    elsewhere: frozenset[tuple[int, ...]]
    best: tuple[int, ...]
    """Empty where nothing is within the limits."""
    most: float
    """Score that nothing within the limits exceeds."""


def near(
    search: LayeredSearch, frame: CandidateTable, models: tuple[CostModel, CostModel], coding_score: Array,
    wanted: Wanted,
) -> Near:  # fmt: skip
    """The architectures that may win.

    ``frame`` is a table of the covering architectures, for what does not depend on any; ``coding_score`` [K, E] is what
    each encoding adds at each cut; ``models`` are those of board and server.
    """
    here: dict[tuple[int, ...], None] = {}
    elsewhere: dict[tuple[int, ...], None] = {}
    best: tuple[int, ...] = ()
    most = -np.inf
    for place, link in enumerate(wanted.links):
        ways = _ways(frame, link, wanted.constraints, coding_score)
        limit_ms = min(wanted.constraints.bound_ms, _slowest_ms(frame, link, wanted.constraints))
        for kind, crossings in ways.items():
            if place and kind is Kind.ALL_LOCAL:
                continue  # It uses no link.
            for query, count in _queries(crossings, limit_ms, frame, models, wanted.constraints, first=not place):
                found = dict.fromkeys(answer.choices for answer in search.near(query, count))
                (elsewhere if place else here).update(found)
        if not place:
            every = tuple(one for way in ways.values() for one in way)
            whole = Query(limit_ms, every, most_server_ms=_server_ms(frame, wanted.constraints))
            answer = search.best(whole)
            best, most = (answer.choices if answer else ()), search.bound(whole)
    return Near(frozenset(here), frozenset(elsewhere), best, most)


def _ways(
    frame: CandidateTable, link: Link, constraints: Constraints, coding_score: Array
) -> dict[Kind, tuple[Crossing, ...]]:
    """All that may cross, without what another at the same cut beats in time, score and flash."""
    coding = frame.coding
    ms = frame.transfer_ms(link, constraints.percentile) + coding.ms
    ms[:-1] += frame.overheads.total_ms
    allowed = frame.legal & (coding.arena_bytes <= (constraints.arena_bytes or np.inf))
    if constraints.raw_input_stays:
        allowed[0] = False
    found: dict[Kind, list[Crossing]] = {}
    for cut in np.flatnonzero(allowed.any(axis=1)).tolist():
        codes = np.flatnonzero(allowed[cut])
        at = zip(*(values[cut, codes].tolist() for values in (ms, coding_score, coding.flash_bytes)), strict=True)
        every = sorted((Crossing(cut, *one) for one in at), key=_cost)
        kept = (one for place, one in enumerate(every) if not _beaten(one, every[:place]))
        found.setdefault(frame.kind_of(cut), []).extend(kept)
    return {kind: tuple(crossings) for kind, crossings in found.items()}


def _cost(crossing: Crossing) -> tuple[float, float, int]:
    return crossing.ms, -crossing.score, crossing.flash_bytes


def _beaten(one: Crossing, cheaper: Iterable[Crossing]) -> bool:
    return any(all(a <= b for a, b in zip(_cost(other), _cost(one), strict=True)) for other in cheaper)


def _queries(
    crossings: tuple[Crossing, ...], limit_ms: float, frame: CandidateTable, models: tuple[CostModel, CostModel],
    constraints: Constraints, *, first: bool,
) -> Iterator[tuple[Query, int]]:  # fmt: skip
    """What to ask for, and how many answers are wanted: most around the limit, some below it for fronts and savings."""
    z = normal_quantile(constraints.percentile / 100)
    jitter = [z * float(np.hypot(max(model.p95_ratio - 1, 0.0) / Z95, model.residual)) for model in models]
    shares = _SHARES if first or constraints.aim.saves else _SHARES[:1]
    for share in shares:
        for spread in _SPREADS if share == 1.0 else _SPREADS[2:3]:
            board, server = (1 + spread * ratio for ratio in jitter)
            count = NEAR if first and share == 1.0 else _NEAR_ELSEWHERE
            # The budget is of medians, whatever the limit is kept at.
            most_server_ms = server * _server_ms(frame, constraints)
            yield Query(share * limit_ms, crossings, board, server, most_server_ms), count


def _server_ms(frame: CandidateTable, constraints: Constraints) -> float:
    """That blocks may take at most; what an encoding takes beside them is weighed with the table."""
    budget_ms = constraints.max_server_ms
    return max(budget_ms - frame.overheads.decode_ms, 0.0) if budget_ms else float(np.inf)


def _slowest_ms(frame: CandidateTable, link: Link, constraints: Constraints) -> float:
    """More than any architecture takes, where ``frame`` holds the largest."""
    total = frame.total_ms(link, constraints.percentile)
    return _MORE * float(total[np.isfinite(total)].max())
