"""Regime maps out of a candidate table: the most accurate candidate over every throughput, round trip and loss.

Answers of a row keep the limit at shorter round trips too (:mod:`nasc_search.joint.regime_lines` says why), and two
rows side by side differ only where something more accurate may fit between them: there, rows are added. Answers of a
slice keep it at less loss, for the same reason.

Of candidates that are equally accurate (or in the same step of ``within``), the one that keeps the limit furthest is
the answer, first of all one that needs no link; :func:`nasc_search.joint.exact.search` takes the fastest.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.regime.regime_map import NOBODY, Regime, RegimeMap, Slice, Spread
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.regime_lines import Area, Lines, LinesAtLoss, Row
from nasc_search.joint.table import CandidateTable

_FIRST_ROWS: Final = 17
_MAX_ROWS: Final = 400
_UNRESOLVED: Final = 0.005
"""Share of a slice at which no more rows are added."""


def regime_map(
    table: CandidateTable, constraints: Constraints, area: Area | None = None, spread: Spread | None = None,
    within: float = 0.0, device: str = "", losses: Sequence[float] = (0.0,),
) -> RegimeMap:  # fmt: skip
    """Seconds for each of the rising ``losses``. ``within`` is the accuracy, 0..1, that an answer may be below
    the best one.

    InputError where accuracy is not the aim, there is no limit or a number is out of range, InfeasibleError where
    nothing keeps the limit.
    """  # fmt: skip
    if not 0 <= within < 1:
        raise InputError(f"the accuracy that a map may give up is from 0 to below 1, not {within}")
    if constraints.aim.saves:
        raise InputError("regime maps are of the most accurate candidates; ask for the objective accuracy")
    if constraints.limit_ms is None:
        raise InputError("a regime map is drawn at a latency limit; give --limit-ms")
    area, spread = area or Area(), spread or Spread()
    lines = Lines(table, constraints, spread, within, lossy=any(losses))
    sheets = [_sheet(LinesAtLoss(lines, loss), area) for loss in losses]
    if lines.local is None and not any(row.chosen for sheet in sheets for row in sheet.rows):
        raise _infeasible(sheets[0].lines, area)
    regimes, places = _regimes(lines, sheets, area)
    local = places[lines.local] if lines.local is not None else NOBODY
    return RegimeMap(
        device=device,
        limit_ms=lines.limit_ms,
        percentile=constraints.percentile,
        throughput_mbit_s=area.throughput_mbit_s,
        lowest_round_trip_ms=area.round_trip_ms[0],
        slices=tuple(_slice(sheet, local, places) for sheet in sheets),
        regimes=regimes,
        local=local,
        within=within,
        spread=spread,
        digest=_digest(lines, constraints, area, within, losses),
        told_by=table.told_by.name if table.told_by else "",
    )


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The rows at one loss, in order."""

    lines: LinesAtLoss
    rows: list[Row]
    unresolved: float


@dataclass(frozen=True, slots=True)
class _Span:
    """Throughputs at which a line is the answer of a row."""

    line: int
    lines: LinesAtLoss
    slow: float
    fast: float
    round_trip_ms: float
    height: float
    """Of the row, in logarithms."""


def _slice(sheet: _Sheet, local: int, places: dict[int, int]) -> Slice:
    return Slice(
        loss=sheet.lines.loss,
        round_trip_ms=tuple(row.round_trip_ms for row in sheet.rows),
        steps_mbit_s=tuple(row.steps for row in sheet.rows),
        answers=tuple((local, *(places[line] for line in row.chosen)) for row in sheet.rows),
        unresolved=sheet.unresolved,
    )


def _sheet(lines: LinesAtLoss, area: Area) -> _Sheet:
    """Rows where they tell most, and the share of the slice between them that is not settled."""
    trips = np.geomspace(*area.round_trip_ms, _FIRST_ROWS).tolist()
    rows = {trip: lines.row(trip, area) for trip in trips}
    height = math.log(area.round_trip_ms[1] / area.round_trip_ms[0])

    def gap(low: float, high: float) -> tuple[float, float, float]:
        """Largest first in a heap."""
        differing = _differing(lines.lines, rows[low], rows[high], area)
        return -differing * math.log(high / low) / height, low, high

    gaps = [gap(*pair) for pair in pairwise(trips)]
    heapq.heapify(gaps)
    while sum(share for share, _, _ in gaps) < -_UNRESOLVED and len(rows) < _MAX_ROWS:
        _, low, high = heapq.heappop(gaps)
        middle = math.sqrt(low * high)
        rows[middle] = lines.row(middle, area)
        heapq.heappush(gaps, gap(low, middle))
        heapq.heappush(gaps, gap(middle, high))
    unresolved = abs(math.fsum(share for share, _, _ in gaps))
    return _Sheet(lines, _merged([rows[trip] for trip in sorted(rows)]), unresolved)


def _differing(lines: Lines, one: Row, other: Row, area: Area) -> float:
    """Share of the throughputs, in logarithms, where the level of two rows differs."""
    low, high = area.throughput_mbit_s
    ends = np.unique([low, *one.steps, *other.steps, high])
    middles = np.sqrt(ends[1:] * ends[:-1])
    levels = []
    for row in (one, other):
        held = np.asarray([-1 if lines.local is None else lines.local, *row.chosen])
        levels.append(np.append(lines.level, np.inf)[held[np.searchsorted(row.steps, middles, side="right")]])
    widths = np.diff(np.log(ends))
    return float(widths[levels[0] != levels[1]].sum() / math.log(high / low))


def _merged(rows: list[Row]) -> list[Row]:
    """Without rows that are as the next one."""
    following = [*rows[1:], None]
    return [
        row
        for row, after in zip(rows, following, strict=True)
        if after is None or (row.steps, row.chosen) != (after.steps, after.chosen)
    ]


def _regimes(lines: Lines, sheets: Sequence[_Sheet], area: Area) -> tuple[tuple[Regime, ...], dict[int, int]]:
    """Every candidate of the map, most accurate first, and the place of each line among them."""
    spans = [span for sheet in sheets for span in _spans(sheet, area)]
    used = sorted({span.line for span in spans} | (set() if lines.local is None else {lines.local}))
    whole = len(sheets) * math.log(area.throughput_mbit_s[1] / area.throughput_mbit_s[0])
    whole *= math.log(area.round_trip_ms[1] / area.round_trip_ms[0])
    regimes = []
    for line in used:
        # What is nowhere on the map is the answer beside it, where it needs no link.
        mine = [span for span in spans if span.line == line] or [
            _Span(line, sheets[-1].lines, *area.throughput_mbit_s, area.round_trip_ms[1], 0.0)
        ]
        regimes.append(_regime(lines, mine, whole))
    return tuple(regimes), {line: place for place, line in enumerate(used)}


def _spans(sheet: _Sheet, area: Area) -> list[_Span]:
    low, high = area.throughput_mbit_s
    spans = []
    before = area.round_trip_ms[0]
    for row in sheet.rows:
        height, before = math.log(row.round_trip_ms / before), row.round_trip_ms
        ends = (low, *row.steps, high)
        for line, (slow, fast) in zip((sheet.lines.lines.local, *row.chosen), pairwise(ends), strict=True):
            if line is not None and fast > slow:
                spans.append(_Span(line, sheet.lines, slow, fast, row.round_trip_ms, height))
    return spans


def _regime(lines: Lines, spans: Sequence[_Span], whole: float) -> Regime:
    """Of one line."""
    line = spans[0].line
    row, cut, code = (int(part) for part in lines.index[line])
    accuracy = float(lines.accuracy[line])

    def margin(span: _Span, throughput: float) -> float:
        latency = span.lines.latency_ms(np.asarray([line]), np.asarray([throughput]), span.round_trip_ms)
        return float(lines.limit_ms - latency[0])

    return Regime(
        candidate=lines.table.candidate(row, cut, code),
        kind=lines.table.kind_of(cut).value,
        accuracy=accuracy,
        accuracy_margin=accuracy - (0.0 if lines.local is None else float(lines.accuracy[lines.local])),
        latency_margin_ms=(
            min(margin(span, span.slow) for span in spans), max(margin(span, span.fast) for span in spans)
        ),
        share=math.fsum(math.log(span.fast / span.slow) * span.height for span in spans) / whole,
    )  # fmt: skip


def _infeasible(lines: LinesAtLoss, area: Area) -> InfeasibleError:
    everything = np.arange(len(lines.lines.accuracy))
    if not everything.size:
        return InfeasibleError("no candidate keeps the rules that do not depend on time")
    fastest = lines.latency_ms(everything, np.full(len(everything), area.throughput_mbit_s[1]), area.round_trip_ms[0])
    return InfeasibleError(
        f"no candidate meets {lines.lines.limit_ms:.1f} ms at p{lines.lines.percentile:g} anywhere on the map",
        (f"the fastest takes {fastest.min():.1f} ms over the best link",),
    )


def _digest(lines: Lines, constraints: Constraints, area: Area, within: float, losses: Sequence[float]) -> str:
    """Of everything that the map follows from."""
    names = (lines.table.archs, lines.table.encodings)
    digest = hashlib.sha256(msgspec.json.encode((constraints, area, within, tuple(losses), *names)))
    arrays = (lines.index, lines.accuracy, lines.fixed_ms, lines.variance, lines.payload_bytes, lines.speed, lines.trip)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
