"""Accuracy-latency Pareto fronts over one link, overall or for one kind of candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from nasc_sdk.link.link import Link
from nasc_search.joint.scored import Scored, score
from nasc_search.joint.table import CandidateTable, Constraints, Kind

_NO_LIMIT_MS: Final = 1e12


def pareto_front(
    table: CandidateTable, link: Link, constraints: Constraints, kind: Kind | None = None
) -> tuple[Scored, ...]:
    """Candidates that no other beats in accuracy and latency at once, fastest first.

    Latency is at the constraints' percentile; the limit is ignored. Memory and privacy hold, except
    that the front of ``Kind.ALL_EDGE`` is drawn although the raw input stays on the board.
    """
    free = replace(constraints, limit_ms=_NO_LIMIT_MS)
    if kind is Kind.ALL_EDGE:
        free = replace(free, raw_input_stays=False)
    cuts = np.asarray([kind is None or table.kind_of(cut) is kind for cut in range(table.cuts)])
    total = table.total_ms(link, constraints.percentile)
    total = np.where((table.allowed(free) & cuts)[:, :, None], total, np.inf).reshape(len(table.archs), -1)
    place = total.argmin(axis=1)
    fastest = np.take_along_axis(total, place[:, None], axis=1)[:, 0]
    order = np.lexsort((-table.accuracy, fastest))
    order = order[np.isfinite(fastest[order])]
    if not order.size:
        return ()
    accuracy = table.accuracy[order]
    best = np.maximum.accumulate(accuracy)
    on_front = np.concatenate([[True], accuracy[1:] > best[:-1]])
    places = [(int(row), *divmod(int(place[row]), len(table.encodings))) for row in order[on_front]]
    return tuple(score(table, link, constraints, *index) for index in places)
