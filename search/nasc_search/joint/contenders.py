"""Contenders: the few candidates that can win at any link, so that another link costs microseconds.

Per cut, only a candidate that no other beats in accuracy, fixed time and fixed variance at once can ever be
chosen: the transfer adds the same to all of one cut. What is kept is a superset of those, found in one pass
over the architectures in the order of accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.link.link import Link
from nasc_search.joint.table import Array, CandidateTable, Constraints, normal_quantile

Index = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Contenders:
    """Candidates as flat arrays, ordered by row, cut and encoding."""

    table: CandidateTable
    rows: NDArray[np.int64]
    cuts: NDArray[np.int64]
    codes: NDArray[np.int64]

    def total_ms(self, link: Link, percentile: float) -> Array:
        """The percentile of each contender's latency."""
        median, spread = self.table.transfer(link, percentile)
        z = normal_quantile(percentile)
        total = z * z * self.table.fixed_variance[self.rows, self.cuts] + spread[self.cuts, self.codes] ** 2
        total = np.sqrt(total) + self.table.fixed_ms[self.rows, self.cuts]
        return np.asarray(total + median[self.cuts, self.codes], np.float64)

    def winner(self, link: Link, constraints: Constraints) -> Index | None:
        """The exact answer of the whole search, or None when nothing is feasible."""
        return self.winner_of(self.total_ms(link, constraints.percentile), constraints.limit_ms)

    def winner_of(self, total: Array, limit_ms: float) -> Index | None:
        """The same from the contenders' latencies."""
        feasible = np.flatnonzero(total <= limit_ms)
        if not feasible.size:
            return None
        accuracy = self.table.accuracy[self.rows[feasible]]
        best = feasible[accuracy == accuracy.max()]
        return self.at(int(best[np.argmin(total[best])]))

    def at(self, index: int) -> Index:
        """Row, cut and encoding of one contender."""
        return int(self.rows[index]), int(self.cuts[index]), int(self.codes[index])


def contenders(table: CandidateTable, constraints: Constraints) -> Contenders:
    """All candidates that some link, limit or percentile could make the choice, within memory and privacy.

    They do not depend on the link: the table keeps them for the next one.
    """
    key = (constraints.raw_input_stays, constraints.arena_bytes, constraints.flash_bytes)
    if key not in table.contender_memo:
        table.contender_memo[key] = _select(table, table.allowed(constraints))
    index = table.contender_memo[key]
    return Contenders(table, index[:, 0], index[:, 1], index[:, 2])


def _select(table: CandidateTable, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[n, 3]: row, cut and encoding of each contender, in that order."""
    order = np.argsort(-table.accuracy, kind="stable")
    allowed = allowed[order]
    fixed = np.where(allowed, table.fixed_ms[order], np.inf)
    variance = table.fixed_variance[order]
    fastest = np.minimum.accumulate(fixed, axis=0)
    record = np.isfinite(fixed)
    record[1:] &= fixed[1:] < fastest[:-1]
    holder = np.maximum.accumulate(np.where(record, np.arange(len(order))[:, None], 0), axis=0)
    steadier = np.zeros_like(record)
    steadier[1:] = variance[1:] < np.take_along_axis(variance, holder, axis=0)[:-1]
    ranks, cuts = np.nonzero(allowed & (record | steadier))
    flat = [
        (row, cut, code)
        for row, cut in sorted(zip(order[ranks].tolist(), cuts.tolist(), strict=True))
        for code in np.flatnonzero(table.legal[cut]).tolist()
    ]
    return np.asarray(flat, np.int64).reshape(-1, 3)
