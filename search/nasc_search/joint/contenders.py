"""Contenders: the few candidates that can win at any link, so that another link costs microseconds.

Per cut and encoding, only a candidate that no other beats in accuracy, fixed time and fixed variance at once (and in
energy and in time of the server, where those count) can ever be chosen: coding and transfer add the same to all of
them. What is kept is a superset of those, found in one pass over the architectures in the order of accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.link.link import Link
from nasc_search.joint.aim import Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.energy import coding_mj, fixed_mj, sending_mj
from nasc_search.joint.table import Array, CandidateTable

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
        return self.winner_by_limit(link, constraints)(constraints.bound_ms)

    def winner_by_limit(self, link: Link, constraints: Constraints) -> Callable[[float], Index | None]:
        """The same as a function of the limit in milliseconds, which changes neither latency nor energy."""
        total, aim = self.total_ms(link, constraints.percentile), constraints.aim
        match aim.objective:
            case Objective.ACCURACY:
                return lambda limit_ms: self.most_accurate(total, limit_ms)
            case Objective.ENERGY:
                energy = self.energy_mj(link)
                within_budget = energy <= aim.budget_mj
                return lambda limit_ms: self._least(energy, total, within_budget & (total <= limit_ms), aim)
            case Objective.LATENCY:
                return lambda limit_ms: self._least(total, total, total <= limit_ms, aim)
            case _:
                assert_never(aim.objective)

    def most_accurate(self, total: Array, limit_ms: float) -> Index | None:
        """Of those with a ``total`` (milliseconds, of each contender) within the limit, then the fastest."""
        feasible = np.flatnonzero(total <= limit_ms)
        if not feasible.size:
            return None
        accuracy = self.accuracy[feasible]
        best = feasible[accuracy == accuracy.max()]
        return self.at(int(best[np.argmin(total[best])]))

    def fastest(self, total: Array) -> Index | None:
        """By such totals; None where all are infinite."""
        return self.at(int(total.argmin())) if np.isfinite(total).any() else None

    def _least(self, cost: Array, total: Array, within: NDArray[np.bool_], aim: Aim) -> Index | None:
        """Of those ``within`` limit and budget, in the order of :meth:`nasc_search.joint.frugal.Frugal.rows`."""
        feasible = np.flatnonzero(within)
        if not feasible.size:
            return None
        accuracy = self.accuracy
        feasible = feasible[accuracy[feasible] >= aim.floor(float(accuracy[feasible].max()))]
        if not feasible.size:
            return None
        order = np.lexsort((feasible, total[feasible], -accuracy[feasible], cost[feasible]))
        return self.at(int(feasible[order[0]]))

    def at(self, index: int) -> Index:
        """Row, cut and encoding of one contender."""
        return int(self.rows[index]), int(self.cuts[index]), int(self.codes[index])


def contenders(table: CandidateTable, constraints: Constraints) -> Contenders:
    """All candidates that some link, limit or percentile could make the choice, within the rules beside the limit.

    They do not depend on the link, nor on how much the server's budget is: the table keeps them for the next one.
    """
    budget_ms = constraints.max_server_ms
    energy, server = constraints.aim.saves_energy, budget_ms > 0
    key = (constraints.raw_input_stays, constraints.arena_bytes, constraints.flash_bytes, energy, server)
    if key not in table.contender_memo:
        allowed = table.allowed(replace(constraints, max_server_ms=0.0))
        table.contender_memo[key] = _select(table, allowed, energy=energy, server=server)
    rows, cuts, codes = table.contender_memo[key].T
    if server:
        kept = table.server_ms[rows, cuts, codes] <= budget_ms
        rows, cuts, codes = rows[kept], cuts[kept], codes[kept]
    return Contenders(table, rows, cuts, codes)


def _select(
    table: CandidateTable, allowed: NDArray[np.bool_], *, energy: bool, server: bool
) -> NDArray[np.int64]:
    """[n, 3]: row, cut and encoding of each contender, in that order."""
    costs = [table.fixed_ms, table.fixed_variance]
    costs += [fixed_mj(table)] if energy else []
    costs += [table.tail_ms] if server else []
    found: list[NDArray[np.int64]] = []
    for code in range(len(table.encodings)):
        # Another entropy coding of the same codes loses as much, and comes next to them.
        if found and all(np.array_equal(of[:, :, code], of[:, :, code - 1]) for of in (allowed, table.accuracy)):
            found.append(found[-1] + (0, 0, 1))
            continue
        order = np.argsort(-table.accuracy[:, :, code], axis=0, kind="stable")
        mine = np.take_along_axis(allowed[:, :, code], order, axis=0)
        ranked = [np.where(mine, np.take_along_axis(values, order, axis=0), np.inf) for values in costs]
        beaten = np.zeros_like(mine)
        for lead, least in enumerate(ranked):
            # Variance follows time, and would tell little more.
            if least is not ranked[1]:
                beaten |= _beaten(least, *ranked[:lead], *ranked[lead + 1 :])
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
