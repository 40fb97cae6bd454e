"""Why nothing is feasible: what would have to be asked for instead, and which candidate that gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasc_sdk.errors import InfeasibleError
from nasc_sdk.link.link import Link, rounded
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.energy import energy_mj
from nasc_search.joint.flips import Factor, needed_scale
from nasc_search.joint.scored import Scored, score
from nasc_search.joint.table import Array, CandidateTable, Kind


@dataclass(frozen=True, slots=True)
class _Bound:
    """Something that was asked for."""

    values: Array
    """[A, K, E] of every candidate; less is better, so an accuracy is negative."""
    most: float
    text: str
    """What to ask for instead; {} is the value."""
    digits: int = 0

    @property
    def kept(self) -> NDArray[np.bool_]:
        """[A, K, E]"""
        return np.asarray(self.values <= self.most)

    def instead(self, value: float) -> str:
        """Rounded upwards: what is said to do must do."""
        near = round(value, self.digits)
        enough = near if near >= value else near + 10**-self.digits
        return self.text.format(f"{abs(enough):.{self.digits}f}")


def infeasible(table: CandidateTable, link: Link, constraints: Constraints) -> InfeasibleError:
    """For constraints that no candidate meets over the link."""
    total = np.where(table.legal, table.total_ms(link, constraints.percentile), np.inf)
    lines = _changes(table, link, constraints, _bounds(table, link, constraints, total))
    allowed = table.allowed(constraints)
    server = f" with {constraints.max_server_ms:g} ms of the server" if constraints.max_server_ms else ""
    if not allowed.any():
        return InfeasibleError(f"no candidate fits the board{server}", lines)
    admitted = np.where(allowed, total, np.inf)
    if (admitted <= constraints.bound_ms).any():
        within = "" if constraints.limit_ms is None else f" within {constraints}"
        kept = f"keeps {_floor_and_budget(constraints)}"
        return InfeasibleError(f"no candidate{within} over {link}{server} {kept}", lines)
    nearest = tuple(_nearest(table, link, constraints, admitted))
    headline = f"no candidate meets {constraints} over {link}{server}"
    return InfeasibleError(headline, (*nearest, *lines, *_other_links(table, link, constraints)))


def _bounds(table: CandidateTable, link: Link, constraints: Constraints, total: Array) -> list[_Bound]:
    """Everything that was asked for."""
    aim, coding = constraints.aim, table.coding

    def bound(values: ArrayLike, most: float, text: str, digits: int = 0) -> _Bound:
        return _Bound(np.broadcast_to(np.asarray(values, np.float64), table.accuracy.shape), most, text, digits)

    found = []
    if constraints.limit_ms is not None:
        found.append(bound(total, constraints.limit_ms, "a limit of {} ms (--limit-ms)", 2))
    if aim.min_accuracy:
        found.append(bound(-table.accuracy, -aim.min_accuracy, "a floor of {} (--min-accuracy)", 4))
    if aim.max_energy_mj:
        found.append(bound(energy_mj(table, link), aim.max_energy_mj, "a budget of {} mJ (--max-energy-mj)", 3))
    if constraints.max_server_ms:
        text = "a server budget of {} ms (--max-server-ms)"
        found.append(bound(table.server_ms, constraints.max_server_ms, text, 3))
    if constraints.arena_bytes:
        arena = np.maximum(table.arena_bytes[:, :, None], coding.arena_bytes)
        found.append(bound(arena, constraints.arena_bytes, f"{{}} bytes of arena instead of {constraints.arena_bytes}"))
    if constraints.flash_bytes:
        flash = table.flash_bytes[:, :, None] + coding.flash_bytes
        found.append(bound(flash, constraints.flash_bytes, f"{{}} bytes of flash instead of {constraints.flash_bytes}"))
    if constraints.raw_input_stays:
        sent = (np.arange(table.cuts) == 0)[:, None]
        found.append(bound(sent, 0.0, "letting the raw input leave the board (--raw-input-may-leave)"))
    return found


def _changes(
    table: CandidateTable, link: Link, constraints: Constraints, bounds: list[_Bound]
) -> tuple[str, ...]:
    """What would do alone, everything else kept; where nothing would, how far each can be met without the others."""

    def best(bound: _Bound, among: NDArray[np.bool_]) -> tuple[str, str]:
        values = np.where(among, bound.values, np.inf)
        row, cut, code = np.unravel_index(int(values.argmin()), values.shape)
        found = score(table, link, constraints, int(row), int(cut), int(code))
        return bound.instead(float(values[row, cut, code])), _described(found)

    exists = np.broadcast_to(table.legal, table.accuracy.shape)
    kept = [bound.kept for bound in bounds]
    alone = []
    for place, bound in enumerate(bounds):
        others = np.logical_and.reduce([exists, *kept[:place], *kept[place + 1 :]])
        if others.any():
            alone.append("{} would do: {}".format(*best(bound, others)))
    if alone:
        return tuple(alone)
    extremes = (best(bound, exists) for bound in bounds)
    return "no single change would do; the least of each, whatever becomes of the others:", *(
        f"{instead}: {who}" for instead, who in extremes
    )


def _nearest(table: CandidateTable, link: Link, constraints: Constraints, admitted: Array) -> Iterator[str]:
    """The fastest candidate of each kind that keeps the rules beside limit, floor and budget."""
    for kind in Kind:
        cuts = table.cuts_of(kind)
        times = admitted[:, cuts]
        if not np.isfinite(times).any():
            continue
        row, cut, code = np.unravel_index(int(times.argmin()), times.shape)
        found = score(table, link, constraints, int(row), range(table.cuts)[cuts][int(cut)], int(code))
        yield f"nearest {kind.value}: {_described(found)}"


def _other_links(table: CandidateTable, link: Link, constraints: Constraints) -> Iterator[str]:
    """What link would do."""
    few = contenders(table, constraints)
    throughput, trip = float(np.median(link.throughput_mbit_s)), float(np.median(link.round_trip_ms))
    times = needed_scale(few, Factor.THROUGHPUT, link, constraints)
    if times is not None:
        yield f"{rounded(times * throughput)} Mbit/s ({times:.2g} times as much) would do"
    else:
        yield "more throughput alone would not do"
    times = needed_scale(few, Factor.ROUND_TRIP, link, constraints)
    if times is not None and trip > 0:
        yield f"a round trip of {rounded(times * trip)} ms would do"


def _described(found: Scored) -> str:
    place = f" at cut {found.candidate.cut}" if found.kind is Kind.SPLIT else ""
    return (
        f"{found.kind.value}{place}, accuracy {found.accuracy:.2%}, {found.limited_ms:.2f} ms, "
        f"{found.energy_mj:.4g} mJ, {found.candidate.arch}"
    )


def _floor_and_budget(constraints: Constraints) -> str:
    aim = constraints.aim
    asked = [f"accuracy {aim.min_accuracy:.2%}"] if aim.min_accuracy else []
    asked += [f"{aim.max_energy_mj:g} mJ"] if aim.max_energy_mj else []
    return " and ".join(asked)
