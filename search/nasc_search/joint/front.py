"""Accuracy-latency Pareto fronts over one link, overall or for one kind of candidate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nasc_sdk.link.link import Link
from nasc_search.joint.aim import MOST_ACCURATE
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.scored import Scored, score
from nasc_search.joint.table import CandidateTable, Kind


def pareto_front(
    table: CandidateTable, link: Link, constraints: Constraints, kind: Kind | None = None
) -> tuple[Scored, ...]:
    """Candidates that no other beats in accuracy and latency at once, fastest first.

    Latency is at the constraints' percentile; the limit is ignored. Memory, privacy and the
    server's budget hold, except that the front of ``Kind.ALL_EDGE`` is drawn although the raw input stays on the
    board.
    """
    free = replace(constraints, limit_ms=None, aim=MOST_ACCURATE)
    if kind is Kind.ALL_EDGE:
        free = replace(free, raw_input_stays=False)
    # Whatever is on a front wins at some limit.
    few = contenders(table, free)
    places = np.arange(table.cuts)[table.cuts_of(kind)] if kind else np.arange(table.cuts)
    mine = np.flatnonzero(np.isin(few.cuts, places))
    total, accuracy = few.total_ms(link, constraints.percentile)[mine], few.accuracy[mine]
    order = np.lexsort((-accuracy, total))
    if not order.size:
        return ()
    ordered = accuracy[order]
    on_front = np.concatenate([[True], ordered[1:] > np.maximum.accumulate(ordered)[:-1]])
    return tuple(score(table, link, constraints, *few.at(int(mine[index]))) for index in order[on_front])
