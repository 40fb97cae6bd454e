"""Contenders: the few candidates that can win at any link, so that another link costs microseconds.

Per cut and encoding, only a candidate that no other beats in accuracy, fixed time and fixed variance at once (and in
energy, where that counts) can ever be chosen: coding and transfer add the same to all of them. What is kept is a
superset of those, found in one pass over the architectures in the order of accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.link.link import Link
from nasc_search.joint.aim import Aim
from nasc_search.joint.energy import coding_mj, fixed_mj, sending_mj
from nasc_search.joint.table import Array, CandidateTable, Constraints

Index = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Contenders:
    """Candidates as flat arrays, ordered by row, cut and encoding."""

    table: CandidateTable
    rows: NDArray[np.int64]
    cuts: NDArray[np.int64]
    codes: NDArray[np.int64]

    @property
    def accuracy(self) -> Array:
        """Of each contender, 0..1."""
        return np.asarray(self.table.accuracy[self.rows, self.cuts, self.codes], np.float64)

    def total_ms(self, link: Link, percentile: float) -> Array:
        """The percentile of each contender's latency."""
        return self.table.total_of(link, percentile, self.rows, self.cuts, self.codes)

    def energy_mj(self, link: Link) -> Array:
        """Each contender's energy."""
        sending = sending_mj(self.table, self.table.transfer_ms(link, 50.0))
        sending = sending + coding_mj(self.table)
        return np.asarray(fixed_mj(self.table, (self.rows, self.cuts)) + sending[self.cuts, self.codes], np.float64)

    def winner(self, link: Link, constraints: Constraints) -> Index | None:
        """The exact answer of the whole search, or None when nothing is feasible."""
        return self.winner_by_limit(link, constraints)(constraints.limit_ms)

    def winner_by_limit(self, link: Link, constraints: Constraints) -> Callable[[float], Index | None]:
        """The same as a function of the limit in milliseconds, which changes neither latency nor energy."""
        total = self.total_ms(link, constraints.percentile)
        if not constraints.aim.saves:
            return lambda limit_ms: self._most_accurate(total, limit_ms)
        energy = self.energy_mj(link)
        return lambda limit_ms: self._most_frugal(total, energy, limit_ms, constraints.aim)

    def _most_accurate(self, total: Array, limit_ms: float) -> Index | None:
        feasible = np.flatnonzero(total <= limit_ms)
        if not feasible.size:
            return None
        accuracy = self.accuracy[feasible]
        best = feasible[accuracy == accuracy.max()]
        return self.at(int(best[np.argmin(total[best])]))

    def _most_frugal(self, total: Array, energy: Array, limit_ms: float, aim: Aim) -> Index | None:
        """In the order of :meth:`nasc_search.joint.frugal.Frugal.rows`."""
        feasible = np.flatnonzero((total <= limit_ms) & (energy <= aim.budget_mj))
        if not feasible.size:
            return None
        accuracy = self.accuracy
        feasible = feasible[accuracy[feasible] >= aim.floor(float(accuracy[feasible].max()))]
        if not feasible.size:
            return None
        order = np.lexsort((feasible, total[feasible], -accuracy[feasible], energy[feasible]))
        return self.at(int(feasible[order[0]]))

    def at(self, index: int) -> Index:
        """Row, cut and encoding of one contender."""
        return int(self.rows[index]), int(self.cuts[index]), int(self.codes[index])


def contenders(table: CandidateTable, constraints: Constraints) -> Contenders:
    """All candidates that some link, limit or percentile could make the choice, within memory and privacy.

    They do not depend on the link: the table keeps them for the next one.
    """
    saves = constraints.aim.saves
    key = (constraints.raw_input_stays, constraints.arena_bytes, constraints.flash_bytes, saves)
    if key not in table.contender_memo:
        table.contender_memo[key] = _select(table, table.allowed(constraints), saves)
    index = table.contender_memo[key]
    return Contenders(table, index[:, 0], index[:, 1], index[:, 2])


def _select(table: CandidateTable, allowed: NDArray[np.bool_], saves: bool) -> NDArray[np.int64]:
    """[n, 3]: row, cut and encoding of each contender, in that order."""
    found = []
    for code in range(len(table.encodings)):
        order = np.argsort(-table.accuracy[:, :, code], axis=0, kind="stable")
        mine = np.take_along_axis(allowed[:, :, code], order, axis=0)
        fixed = np.where(mine, np.take_along_axis(table.fixed_ms, order, axis=0), np.inf)
        variance = np.take_along_axis(table.fixed_variance, order, axis=0)
        if saves:
            energy = np.where(mine, np.take_along_axis(fixed_mj(table), order, axis=0), np.inf)
            beaten = _beaten(fixed, variance, energy) | _beaten(energy, fixed, variance)
        else:
            beaten = _beaten(fixed, variance)
        ranks, cuts = np.nonzero(mine & ~beaten)
        found.append(np.stack([order[ranks, cuts], cuts, np.full(len(cuts), code)], axis=1))
    every = np.concatenate(found)
    return np.asarray(every[np.lexsort(every.T[::-1])], np.int64)


def _beaten(least: Array, *others: Array) -> NDArray[np.bool_]:
    """Where the holder of the least value in the rows above is no worse in the other arrays; all are [A, K]."""
    lowest = np.minimum.accumulate(least, axis=0)
    record = np.isfinite(least)
    record[1:] &= least[1:] < lowest[:-1]
    holder = np.maximum.accumulate(np.where(record, np.arange(len(least))[:, None], 0), axis=0)
    beaten = ~record
    for values in others:
        beaten[1:] &= values[1:] >= np.take_along_axis(values, holder, axis=0)[:-1]
    return beaten
