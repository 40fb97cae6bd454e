"""One candidate with everything that is predicted of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nasc_sdk.candidate import Candidate
from nasc_sdk.cost.model import Z95
from nasc_sdk.link.link import Link
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.joint.aim import Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.energy import coding_mj, fixed_mj, sending_mj
from nasc_search.joint.table import CandidateTable, Kind

Quantiles = tuple[float, float]
"""Median and 95th percentile, milliseconds, predicted."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate's predictions over one link; accuracy in 0..1."""

    candidate: Candidate
    kind: Kind
    accuracy: float
    evaluated: bool
    """Accuracy was measured on images, or told exactly; otherwise it is predicted."""
    payload_bytes: int
    head_ms: Quantiles
    """Encoding of the cut and the board's serial line included."""
    transfer_ms: Quantiles
    """Round trip and time on the wire; nothing for all-local."""
    tail_ms: Quantiles
    """What the server computes, decoding included; nothing for all-local."""
    overhead_ms: float
    """What every request that uses the link pays beside head, transfer and tail, median."""
    total_ms: Quantiles
    limited_ms: float
    """Total at the percentile that the limit is stated on."""
    arena_bytes: int
    flash_bytes: int
    feasible: bool
    """Within the limit and every other constraint."""
    energy_mj: float | None = None
    """Of the board for one request (:mod:`nasc_search.joint.energy`), from medians; None in older records."""
    told_by: str = ""
    """Who told the accuracy, where it was not the supernet whose weights are deployed."""
    line_ms: Quantiles | None = None
    """Of ``head_ms``, what the board's serial line takes; None for a board without one."""
    own_accuracy: float | None = None
    """What these weights reach themselves on the validation images, where another tells and it was evaluated."""


def score(
    table: CandidateTable, link: Link, constraints: Constraints, row: int, cut: int, code: int
) -> Scored:
    """Everything about one candidate."""
    candidate, local = table.candidate(row, cut, code), cut == table.cuts - 1
    fixed = float(table.fixed_ms[row, cut])
    median, high = (float(table.transfer_ms(link, percentile)[cut, code]) for percentile in (50.0, 95.0))
    encode_ms, decode_ms = float(table.coding.head_ms[cut, code]), float(table.coding.tail_ms[cut, code])

    def total(percentile: float) -> float:
        return float(table.total_of(link, percentile, row, cut, code))

    def part(ms: float, sd: float) -> Quantiles:
        return ms, ms + Z95 * sd

    limited = total(constraints.percentile)
    energy = float(fixed_mj(table, (row, cut)) + (sending_mj(table, median) + coding_mj(table)[cut, code]))
    accuracy = float(table.accuracy[row, cut, code])
    return Scored(
        candidate=candidate,
        kind=table.kind_of(cut),
        accuracy=accuracy,
        evaluated=bool(table.evaluated[row, cut, code]),
        payload_bytes=0 if local else int(table.payload_bytes[cut, code]),
        head_ms=part(
            float(table.head_ms[row, cut]) + encode_ms,
            math.hypot(table.head_sd_ms[row, cut], table.coding.head_sd_ms[cut, code]),
        ),
        transfer_ms=(median, high),
        tail_ms=part(
            float(table.tail_ms[row, cut]) + decode_ms + (0.0 if local else table.overheads.decode_ms),
            math.hypot(table.tail_sd_ms[row, cut], table.coding.tail_sd_ms[cut, code]),
        ),
        overhead_ms=0.0 if local else table.overheads.board_ms,
        total_ms=(fixed + median + encode_ms + decode_ms, total(95.0)),
        limited_ms=limited,
        arena_bytes=max(int(table.arena_bytes[row, cut]), int(table.coding.arena_bytes[cut, code])),
        flash_bytes=int(table.flash_bytes[row, cut] + table.coding.flash_bytes[cut, code]),
        feasible=limited <= constraints.bound_ms
        and _allowed(table, constraints, row, cut, code)
        and constraints.aim.admits(accuracy, energy),
        energy_mj=energy,
        line_ms=part(float(line.ms[cut, code]), float(line.sd_ms[cut, code])) if (line := table.coding.line) else None,
        told_by=told_by.name if (told_by := table.told_by) else "",
        own_accuracy=told_by.own.get(accuracy_key(candidate)) if told_by else None,
    )


def score_candidate(
    table: CandidateTable, link: Link, constraints: Constraints, candidate: Candidate
) -> Scored:
    """The same for a candidate by name; InputError when the table does not hold it."""
    return score(table, link, constraints, *table.locate(candidate))


def cost(scored: Scored, objective: Objective) -> float:
    """What the objective is to have least of: energy in millijoules, or latency in milliseconds."""
    if objective is Objective.LATENCY:
        return scored.limited_ms
    assert scored.energy_mj is not None
    return scored.energy_mj


def amount(scored: Scored, constraints: Constraints) -> str:
    """The same for people."""
    if constraints.aim.objective is Objective.LATENCY:
        return f"{scored.limited_ms:.2f} ms at p{constraints.percentile:g}"
    return f"{scored.energy_mj:.4g} mJ"


def broken_rule(scored: Scored, constraints: Constraints) -> str:
    """What a candidate breaks beside the latency limit, to follow "the candidate"; nothing when it keeps the rules."""
    if scored.candidate.cut == 0 and constraints.raw_input_stays:
        return "sends the raw input away, which is not allowed (--raw-input-may-leave)"
    for what, needed, most in (
        ("for activations", scored.arena_bytes, constraints.arena_bytes),
        ("for its model", scored.flash_bytes, constraints.flash_bytes),
    ):
        if most and needed > most:
            return f"needs {needed} bytes {what}, allowed are {most}"
    if constraints.max_server_ms and scored.tail_ms[0] > constraints.max_server_ms:
        return f"takes {scored.tail_ms[0]:.4g} ms of the server, allowed are {constraints.max_server_ms:g}"
    return ""


def shortcoming(scored: Scored, constraints: Constraints) -> str:
    """Why a candidate is not feasible, to follow "the candidate"."""
    if broken := broken_rule(scored, constraints):
        return broken
    if scored.limited_ms <= constraints.bound_ms and not scored.feasible:
        if scored.accuracy < constraints.aim.min_accuracy:
            return f"reaches accuracy {scored.accuracy:.2%}, asked for are {constraints.aim.min_accuracy:.2%}"
        return f"takes {scored.energy_mj:.4g} mJ, allowed are {constraints.aim.max_energy_mj:g}"
    return f"needs {scored.limited_ms:.1f} ms (limit {constraints})"


def _allowed(table: CandidateTable, constraints: Constraints, row: int, cut: int, code: int) -> bool:
    """As :meth:`CandidateTable.allowed`, of one candidate."""
    arena = max(int(table.arena_bytes[row, cut]), int(table.coding.arena_bytes[cut, code]))
    flash = int(table.flash_bytes[row, cut] + table.coding.flash_bytes[cut, code])
    most_ms = constraints.max_server_ms
    return (
        (cut > 0 or not constraints.raw_input_stays)
        and (not constraints.arena_bytes or arena <= constraints.arena_bytes)
        and (not constraints.flash_bytes or flash <= constraints.flash_bytes)
        and (not most_ms or bool(table.server_ms[row, cut, code] <= most_ms))
    )
