"""Least energy or latency: the candidate that takes least of it among those that are accurate enough.

Among equals the more accurate, then the faster, then the first of the space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.link.link import Link
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import Index
from nasc_search.joint.energy import energy_mj
from nasc_search.joint.infeasible import infeasible
from nasc_search.joint.scored import Scored, score
from nasc_search.joint.table import Array, CandidateTable

_ALL: Final = slice(None)


@dataclass(frozen=True, slots=True)
class Frugal:
    """Candidates within limit, rules and budget and above the floor, as the search for the least cost sees them."""

    table: CandidateTable
    cost: Array
    """[A, K, E] millijoules, or milliseconds at the limit's percentile; infinite for all others."""
    total: Array
    """[A, K, E] milliseconds at the limit's percentile."""
    floor: float
    most_accurate: Scored

    @property
    def feasible(self) -> int:
        """Number of candidates."""
        return int(np.count_nonzero(np.isfinite(self.cost)))

    def rows(self, count: int, cuts: slice = _ALL) -> list[Index]:
        """The most frugal architectures above the floor in order, each at its most frugal cut among ``cuts``."""
        shape = len(self.table.archs), -1
        cost, total = self.cost[:, cuts].reshape(shape), self.total[:, cuts].reshape(shape)
        if not cost.size:
            return []
        least = cost.min(axis=1)
        rows = np.flatnonzero(np.isfinite(least))
        if len(rows) > count:
            most = np.partition(least[rows], count - 1)[count - 1]
            rows = rows[least[rows] <= most]
        # Where two candidates of an architecture cost the same, the more accurate, then the faster one.
        accuracy = self.table.accuracy[:, cuts].reshape(shape)[rows]
        equal = cost[rows] == least[rows, None]
        equal &= accuracy == np.where(equal, accuracy, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        places = np.where(equal, total[rows], np.inf).argmin(axis=1)
        best = np.take_along_axis(accuracy, places[:, None], axis=1)[:, 0]
        order = np.lexsort((rows, total[rows, places], -best, least[rows]))[:count]
        first = range(self.table.cuts)[cuts].start
        codes = len(self.table.encodings)
        return [(int(rows[at]), first + int(places[at]) // codes, int(places[at]) % codes) for at in order]


def find_frugal(table: CandidateTable, link: Link, constraints: Constraints) -> Frugal:
    """InfeasibleError names the nearest candidates where none keeps limit, rules, floor and budget."""
    admitted = np.where(table.allowed(constraints), table.total_ms(link, constraints.percentile), np.inf)
    aim = constraints.aim
    cost = energy_mj(table, link) if aim.saves_energy else admitted
    within = admitted <= constraints.bound_ms
    if aim.saves_energy:
        within &= cost <= aim.budget_mj
    if not within.any():
        raise infeasible(table, link, constraints)
    best = _most_accurate(table, within, admitted)
    floor = aim.floor(float(table.accuracy[best]))
    if table.accuracy[best] < floor:
        raise infeasible(table, link, constraints)
    cost = np.where(within & (table.accuracy >= floor), cost, np.inf)
    return Frugal(table, cost, admitted, floor, score(table, link, constraints, *best))


def _most_accurate(table: CandidateTable, allowed: NDArray[np.bool_], total: Array) -> Index:
    """The fastest of the most accurate among some candidates, of which there is one at least."""
    accuracy = np.where(allowed, table.accuracy, -np.inf)
    times = np.where(allowed & (accuracy == accuracy.max()), total, np.inf)
    row, cut, code = np.unravel_index(int(times.argmin()), times.shape)
    return int(row), int(cut), int(code)
