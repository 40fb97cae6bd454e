"""Least energy: the candidate that takes the board the fewest millijoules among those that are accurate enough.

Among equals the more accurate, then the faster, then the first of the space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from nasc_sdk.errors import InfeasibleError
from nasc_sdk.link.link import Link
from nasc_search.joint.contenders import Index
from nasc_search.joint.energy import energy_mj
from nasc_search.joint.scored import Scored, score
from nasc_search.joint.table import Array, CandidateTable, Constraints

_ALL: Final = slice(None)


@dataclass(frozen=True, slots=True)
class Frugal:
    """Candidates within limit, rules and budget and above the floor, as the search for least energy sees them."""

    table: CandidateTable
    energy: Array
    """[A, K, E] millijoules, infinite for all others."""
    total: Array
    """[A, K, E] milliseconds at the limit's percentile."""
    floor: float
    most_accurate: Scored

    @property
    def count(self) -> int:
        """Number of candidates."""
        return int(np.count_nonzero(np.isfinite(self.energy)))

    def rows(self, count: int, cuts: slice = _ALL) -> list[Index]:
        """The most frugal architectures above the floor in order, each at its most frugal cut among ``cuts``."""
        shape = len(self.table.archs), -1
        energy, total = self.energy[:, cuts].reshape(shape), self.total[:, cuts].reshape(shape)
        if not energy.size:
            return []
        least = energy.min(axis=1)
        rows = np.flatnonzero(np.isfinite(least))
        if len(rows) > count:
            most = np.partition(least[rows], count - 1)[count - 1]
            rows = rows[least[rows] <= most]
        # Where two candidates of an architecture take the same energy, the more accurate, then the faster one.
        accuracy = self.table.accuracy[:, cuts].reshape(shape)[rows]
        equal = energy[rows] == least[rows, None]
        equal &= accuracy == np.where(equal, accuracy, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        places = np.where(equal, total[rows], np.inf).argmin(axis=1)
        best = np.take_along_axis(accuracy, places[:, None], axis=1)[:, 0]
        order = np.lexsort((rows, total[rows, places], -best, least[rows]))[:count]
        first = range(self.table.cuts)[cuts].start
        codes = len(self.table.encodings)
        return [(int(rows[at]), first + int(places[at]) // codes, int(places[at]) % codes) for at in order]


def find_frugal(table: CandidateTable, link: Link, constraints: Constraints, admitted: Array) -> Frugal:
    """Among candidates ``admitted`` [A, K, E] ms by the board's rules, at least one of which meets the limit.

    InfeasibleError names the nearest ones where none keeps floor and budget.
    """
    aim = constraints.aim
    every = energy_mj(table, link)
    within = admitted <= constraints.limit_ms
    energy = np.where(within & (every <= aim.budget_mj), every, np.inf)
    affordable = np.isfinite(energy)
    if not affordable.any():
        raise _infeasible(table, link, constraints, np.where(within, every, np.inf), affordable)
    best = _most_accurate(table, affordable, admitted)
    floor = aim.floor(float(table.accuracy[best]))
    if table.accuracy[best] < floor:
        raise _infeasible(table, link, constraints, np.where(within, every, np.inf), affordable)
    energy = np.where(table.accuracy >= floor, energy, np.inf)
    return Frugal(table, energy, admitted, floor, score(table, link, constraints, *best))


def _most_accurate(table: CandidateTable, allowed: Array, total: Array) -> Index:
    """The fastest of the most accurate among some candidates, of which there is one at least."""
    accuracy = np.where(allowed, table.accuracy, -np.inf)
    times = np.where(allowed & (accuracy == accuracy.max()), total, np.inf)
    row, cut, code = np.unravel_index(int(times.argmin()), times.shape)
    return int(row), int(cut), int(code)


def _least(energy: Array) -> Index:
    row, cut, code = np.unravel_index(int(energy.argmin()), energy.shape)
    return int(row), int(cut), int(code)


def _infeasible(
    table: CandidateTable, link: Link, constraints: Constraints, energy: Array, affordable: Array
) -> InfeasibleError:
    """What comes nearest to floor and budget; ``energy`` is that of all within the limit, of which there is one."""
    aim, lines = constraints.aim, []

    def named(what: str, index: Index) -> Scored:
        found = score(table, link, constraints, *index)
        lines.append(
            f"{what}: accuracy {found.accuracy:.2%}, {found.energy_mj:.4g} mJ, {found.limited_ms:.1f} ms, "
            f"{found.kind.value} at cut {found.candidate.cut}, {found.candidate.arch}"
        )
        return found

    total, within = table.total_ms(link, constraints.percentile), np.isfinite(energy)
    accurate = (table.accuracy >= aim.min_accuracy) & within
    if accurate.any():
        which = "limit and floor" if aim.min_accuracy else "the limit"
        least = _least(np.where(accurate, energy, np.inf))
        named(f"least energy within {which}", least)
        # Upwards: what is said to do must do.
        lines.append(f"a budget of {math.ceil(1000 * energy[least]) / 1000:.3f} mJ (--max-energy-mj) would do")
    elif aim.max_energy_mj:
        named("most accurate within the limit", _most_accurate(table, within, total))
    if affordable.any():
        which = "limit and budget" if aim.max_energy_mj else "the limit"
        found = named(f"most accurate within {which}", _most_accurate(table, affordable, total))
        lines.append(f"a floor of {math.floor(10_000 * found.accuracy) / 10_000:.4f} (--min-accuracy) would do")
    elif not accurate.any():
        named("least energy within the limit", _least(energy))
    asked = [f"accuracy {aim.min_accuracy:.2%}"] if aim.min_accuracy else []
    asked += [f"{aim.max_energy_mj:g} mJ"] if aim.max_energy_mj else []
    limit = f"{constraints.limit_ms:.1f} ms at p{constraints.percentile:g}"
    return InfeasibleError(f"no candidate within {limit} over {link} keeps {' and '.join(asked)}", tuple(lines))
