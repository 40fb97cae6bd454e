"""What would flip a decision: the nearest change of link, limit, server budget or floor that leads to another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np

from nasc_sdk.link.link import Link
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import Contenders, Index, contenders
from nasc_search.joint.scored import Scored, score

FURTHEST: Final = 64.0
"""Changes by more than this factor are not looked for."""
_STEP: Final = 2.0**0.5
_BISECTIONS: Final = 12

T = TypeVar("T")


class Factor(StrEnum):
    """What changes."""

    THROUGHPUT = "throughput"
    ROUND_TRIP = "round trip"
    LIMIT = "limit"
    SERVER = "server budget"
    FLOOR = "accuracy floor"


@dataclass(frozen=True, slots=True)
class Flip:
    """At ``scale`` times today's value the decision is another one; ``value`` is that value: Mbit/s, ms, or 0..1."""

    factor: Factor
    scale: float
    value: float
    becomes: Scored | None
    """None: nothing is feasible any more."""


def scaled_link(link: Link, throughput: float = 1.0, round_trip: float = 1.0) -> Link:
    """The same link with every sample multiplied."""
    return Link(
        tuple(value * throughput for value in link.throughput_mbit_s),
        tuple(value * round_trip for value in link.round_trip_ms),
        link.loss,
        link.segment_loss,
    )


def find_flips(
    few: Contenders, link: Link, constraints: Constraints, winner: Index | None, floor: float = 0.0
) -> tuple[Flip, ...]:
    """The nearest flip in each direction of each factor; directions without any are left out.

    ``floor`` is the accuracy that the winner had to reach where energy or latency counts, asked for or not.
    """
    flips = []
    for factor in _asked_for(constraints, floor):
        here = constraints
        if factor is Factor.FLOOR:
            here = replace(constraints, aim=replace(constraints.aim, min_accuracy=floor))
        state = _states(factor, link, here)
        decide = _decider(few, factor, link, here)
        for upward in (False, True):
            found = _nearest(decide, winner, upward)
            if found is not None:
                scale, index = found
                becomes = score(few.table, *state(scale), *index) if index is not None else None
                flips.append(Flip(factor, scale, scale * _today(factor, link, here), becomes))
    return tuple(flips)


def needed_scale(few: Contenders, factor: Factor, link: Link, constraints: Constraints) -> float | None:
    """Scale from which anything is feasible: upward for limit and throughput, downward for round trip."""
    decide = _decider(few, factor, link, constraints)
    found = _nearest(lambda scale: decide(scale) is not None, False, upward=factor is not Factor.ROUND_TRIP)
    return None if found is None else found[0]


def _asked_for(constraints: Constraints, floor: float) -> list[Factor]:
    """Those that have a value today."""
    there = {
        Factor.LIMIT: constraints.limit_ms is not None,
        Factor.SERVER: constraints.max_server_ms > 0,
        Factor.FLOOR: floor > 0,
    }
    return [factor for factor in Factor if there.get(factor, True)]


def _decider(
    few: Contenders, factor: Factor, link: Link, constraints: Constraints
) -> Callable[[float], Index | None]:
    """The decision as a function of the scale; the limit alone changes no latency."""
    state = _states(factor, link, constraints)
    match factor:
        case Factor.LIMIT:
            winner = few.winner_by_limit(link, constraints)
            return lambda scale: winner(constraints.bound_ms * scale)
        case Factor.SERVER:
            return lambda scale: contenders(few.table, state(scale)[1]).winner(*state(scale))
        case _:
            return lambda scale: few.winner(*state(scale))


def _states(
    factor: Factor, link: Link, constraints: Constraints
) -> Callable[[float], tuple[Link, Constraints]]:
    aim = constraints.aim
    match factor:
        case Factor.THROUGHPUT:
            return lambda scale: (scaled_link(link, throughput=scale), constraints)
        case Factor.ROUND_TRIP:
            return lambda scale: (scaled_link(link, round_trip=scale), constraints)
        case Factor.LIMIT:
            return lambda scale: (link, replace(constraints, limit_ms=constraints.bound_ms * scale))
        case Factor.SERVER:
            return lambda scale: (link, replace(constraints, max_server_ms=constraints.max_server_ms * scale))
        case Factor.FLOOR:
            # Nothing is more accurate than 1.
            return lambda scale: (
                link, replace(constraints, aim=replace(aim, min_accuracy=min(aim.min_accuracy * scale, 1.0)))
            )  # fmt: skip


def _today(factor: Factor, link: Link, constraints: Constraints) -> float:
    match factor:
        case Factor.THROUGHPUT:
            return float(np.median(link.throughput_mbit_s))
        case Factor.ROUND_TRIP:
            return float(np.median(link.round_trip_ms))
        case Factor.LIMIT:
            return constraints.bound_ms
        case Factor.SERVER:
            return constraints.max_server_ms
        case Factor.FLOOR:
            return constraints.aim.min_accuracy


def _nearest(decide: Callable[[float], T], today: T, upward: bool) -> tuple[float, T] | None:
    """Walk away from 1 until the decision differs, then bisect: the scale just past the change, its result.

    A change that is undone within one step is not seen.
    """
    same, other, result = 1.0, 1.0, today
    while result == today:
        if other >= FURTHEST:
            return None
        same, other = other, min(other * _STEP, FURTHEST)
        result = decide(_directed(other, upward))
    for _ in range(_BISECTIONS):
        middle = (same * other) ** 0.5
        tried = decide(_directed(middle, upward))
        if tried == today:
            same = middle
        else:
            other, result = middle, tried
    return _directed(other, upward), result


def _directed(factor: float, upward: bool) -> float:
    return factor if upward else 1.0 / factor
