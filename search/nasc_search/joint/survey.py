"""Survey: how many candidates are feasible over a link, and the best of each architecture, in one pass over all.

Architectures are looked at in blocks, so that what is worked out of their candidates never leaves the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.link.link import Link
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import Index
from nasc_search.joint.table import Array, CandidateTable

_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Survey:
    """Of a table over a link."""

    feasible: int
    """Number of candidates."""
    best: Array
    """[A] Accuracy of the most accurate feasible candidate; minus infinity for none."""
    _table: CandidateTable
    _within_ms: Callable[[Any], Array]

    def rows(self, count: int) -> list[Index]:
        """The best architectures in order, each at its most accurate cut and encoding, then its fastest."""
        rows, best = np.flatnonzero(np.isfinite(self.best)), self.best
        if not rows.size:
            return []
        if len(rows) > count:
            # Only rows as accurate as the count-th can be among the first.
            least = np.partition(best[rows], len(rows) - count)[len(rows) - count]
            rows = rows[best[rows] >= least]
        times = np.where(self._table.accuracy[rows] == best[rows, None, None], self._within_ms(rows), np.inf)
        times = times.reshape(len(rows), -1)
        places = times.argmin(axis=1)
        order = np.lexsort((rows, times.min(axis=1), -best[rows]))[:count]
        codes = len(self._table.encodings)
        return [(int(rows[at]), *divmod(int(places[at]), codes)) for at in order]


def survey(table: CandidateTable, link: Link, constraints: Constraints) -> Survey:
    """Of what keeps limit and rules; a floor or a budget of the aim does not count."""
    timed, allowed = table.timed(link, constraints.percentile), table.allowed(constraints)

    def feasible_at(rows: Any) -> tuple[Array, NDArray[np.bool_]]:
        total = timed(rows)
        return total, (total <= constraints.bound_ms) & allowed[rows]

    def within_ms(rows: Any) -> Array:
        total, feasible = feasible_at(rows)
        return np.where(feasible, total, np.inf)

    count, best = 0, np.empty(len(table.archs))
    for first in range(0, len(best), _BLOCK):
        rows = slice(first, first + _BLOCK)
        _, feasible = feasible_at(rows)
        count += int(np.count_nonzero(feasible))
        best[rows] = np.where(feasible, table.accuracy[rows], -np.inf).max(axis=(1, 2))
    return Survey(count, best, table, within_ms)
