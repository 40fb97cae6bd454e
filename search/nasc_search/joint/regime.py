"""Regime maps out of a candidate table: the most accurate candidate over every throughput and round trip, at one limit.

Along one round trip, each candidate keeps the limit down to some throughput, found by bisection of
:meth:`CandidateTable.total_ms` (here over one candidate's own payload). The upper envelope of accuracy over those
throughputs is the row.

``T_p`` rises with round trip and with 1/throughput: medians and quantiles of the samples do, and with ``m`` the median,
``q`` the quantile and ``c = (q - m) / sqrt(v + (q - m)^2)`` between 0 and 1, so does ``m + sqrt(v + (q - m)^2)``, whose
derivative is ``(1 - c) m' + c q'``. Hence a row's answers keep the limit at shorter round trips too, and two rows side
by side differ only where something more accurate may fit between them: there, rows are added.

Of candidates that are equally accurate (or in the same step of ``within``), the one that keeps the limit furthest is
the answer, first of all one that needs no link; :func:`nasc_search.joint.exact.search` takes the fastest.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.link.link import Link
from nasc_sdk.regime.regime_map import NOBODY, Regime, RegimeMap, Spread
from nasc_search.joint.contenders import contenders
from nasc_search.joint.pareto_set import unbeaten
from nasc_search.joint.table import Array, CandidateTable, Constraints, normal_quantile, sorted_quantile

_MS_PER_BYTE_AT_1_MBIT_S: Final = 8e-3
_FIRST_ROWS: Final = 17
_MAX_ROWS: Final = 400
_UNRESOLVED: Final = 0.005
"""Share of the map at which no more rows are added."""
_COARSE: Final = 8
_FINE: Final = 28
"""Bisections for all candidates, and for those that may be in the envelope: together to 1e-9 of a factor 1000."""
_ASIDE: Final = 1 + 1e-9
"""Thresholds lie this much on the side where the limit is kept, far above rounding."""


@dataclass(frozen=True, slots=True)
class Area:
    """What a map covers: lowest and highest, medians of a link."""

    throughput_mbit_s: tuple[float, float] = (0.1, 100.0)
    round_trip_ms: tuple[float, float] = (0.5, 100.0)

    def __post_init__(self) -> None:
        for name, (low, high) in (("throughput", self.throughput_mbit_s), ("round trip", self.round_trip_ms)):
            if not 0 < low < high < math.inf:
                raise InputError(f"a map's {name} goes from a positive number up to a larger one, not {low:g},{high:g}")


def spread_of(link: Link) -> Spread:
    """How a measured link varies around its medians; round trips of nothing do not vary."""
    throughput, trip = np.asarray(link.throughput_mbit_s), np.asarray(link.round_trip_ms)
    median = float(np.median(trip))
    trips = trip / median if median > 0 else np.ones_like(trip)
    return Spread(tuple((throughput / np.median(throughput)).tolist()), tuple(trips.tolist()))


def regime_map(
    table: CandidateTable, constraints: Constraints, area: Area | None = None, spread: Spread | None = None,
    within: float = 0.0, device: str = "",
) -> RegimeMap:  # fmt: skip
    """Seconds at most. ``within`` is the accuracy, 0..1, that an answer may be below the best one.

    InputError where energy is the aim or ``within`` is out of range, InfeasibleError where nothing keeps the limit.
    """
    if not 0 <= within < 1:
        raise InputError(f"the accuracy that a map may give up is from 0 to below 1, not {within}")
    if constraints.aim.saves:
        raise InputError("regime maps are of the most accurate candidates; ask for the objective accuracy")
    area, spread = area or Area(), spread or Spread()
    lines = _Lines(table, constraints, spread, within)
    rows, unresolved = _rows(lines, area)
    if not any(row.chosen for row in rows) and lines.local is None:
        raise _infeasible(lines, area)
    rows = _merged(rows)
    regimes, places = _regimes(lines, rows, area)
    local = places[lines.local] if lines.local is not None else NOBODY
    return RegimeMap(
        device=device,
        limit_ms=constraints.limit_ms,
        percentile=constraints.percentile,
        throughput_mbit_s=area.throughput_mbit_s,
        lowest_round_trip_ms=area.round_trip_ms[0],
        round_trip_ms=tuple(row.round_trip_ms for row in rows),
        steps_mbit_s=tuple(row.steps for row in rows),
        answers=tuple((local, *(places[place] for place in row.chosen)) for row in rows),
        regimes=regimes,
        local=local,
        within=within,
        unresolved=unresolved,
        spread=spread,
        digest=_digest(lines, constraints, area, within),
        told_by=table.told_by.name if table.told_by else "",
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """The staircase at one round trip: what holds from each throughput on, slowest first."""

    round_trip_ms: float
    steps: tuple[float, ...]
    chosen: tuple[int, ...]
    """Place of each among the lines."""


class _Lines:
    """The candidates that can be the answer anywhere, most accurate first, as flat arrays."""

    def __init__(self, table: CandidateTable, constraints: Constraints, spread: Spread, within: float) -> None:
        if len(spread.throughput) != len(spread.round_trip):
            raise InputError("a spread has as many factors of throughput as of round trip")
        few = contenders(table, constraints)
        order = np.lexsort((few.codes, few.cuts, few.rows, -few.accuracy))
        rows, cuts, codes = few.rows[order], few.cuts[order], few.codes[order]
        remote = cuts < table.cuts - 1
        fixed = table.fixed_ms[rows, cuts] + table.coding.ms[cuts, codes]
        variance = normal_quantile(constraints.percentile) ** 2 * table.fixed_variance[rows, cuts]
        payload = table.payload_bytes[cuts, codes] * remote
        kept = unbeaten(np.column_stack([fixed, variance, payload, remote]))
        self.table, self.limit_ms, self.percentile = table, constraints.limit_ms, constraints.percentile
        self.index = np.column_stack([rows, cuts, codes])[kept]
        self.accuracy: Array = few.accuracy[order][kept]
        self.level = _levels(self.accuracy, within)
        """Falls with accuracy; candidates of one level are equals."""
        self.fixed_ms, self.variance, self.remote = fixed[kept], variance[kept], remote[kept]
        self.wire_ms: Array = _MS_PER_BYTE_AT_1_MBIT_S * payload[kept]
        """At 1 Mbit/s."""
        self.speed, self.trip = np.asarray(spread.throughput), np.asarray(spread.round_trip)
        alone = np.flatnonzero(~self.remote & (self.fixed_ms + np.sqrt(self.variance) <= self.limit_ms))
        self.local: int | None = int(alone[0]) if alone.size else None
        """The most accurate that needs no link."""
        better = self.level < (np.inf if self.local is None else self.level[self.local])
        self.sending: NDArray[np.intp] = np.flatnonzero(self.remote & better)
        """What a link can make the answer."""

    def latency_ms(self, which: NDArray[np.intp], throughput: Array, round_trip_ms: Array | float) -> Array:
        """[n] as :meth:`CandidateTable.total_ms`, each candidate over its own link."""
        trips = np.broadcast_to(round_trip_ms, which.shape)[:, None] * self.trip
        samples = np.sort(trips + (self.wire_ms[which] / throughput)[:, None] / self.speed, axis=1)
        median = sorted_quantile(samples, 50.0)
        spread = np.maximum(sorted_quantile(samples, self.percentile) - median, 0.0)
        remote = self.remote[which]
        tail = np.sqrt(self.variance[which] + np.where(remote, spread, 0.0) ** 2)
        return np.asarray(self.fixed_ms[which] + np.where(remote, median, 0.0) + tail, np.float64)

    def row(self, round_trip_ms: float, area: Area) -> _Row:
        """Exact at this round trip."""
        lowest, highest = np.log(area.throughput_mbit_s)
        # So that what keeps the limit over the slowest link is the answer there too.
        lowest -= 2 * (_ASIDE - 1)
        which = self.sending
        which = which[self._keeps(which, np.full(which.shape, highest), round_trip_ms)]
        kept, broken = np.full(which.shape, highest), np.full(which.shape, lowest)
        always = self._keeps(which, broken, round_trip_ms)
        kept[always] = lowest
        kept, broken = self._bisected(which, kept, broken, round_trip_ms, _COARSE)
        # In the envelope is what may go further down than everything more accurate surely goes.
        reached = np.minimum.accumulate(np.concatenate([[np.inf], kept]))[:-1]
        near = broken < reached
        which, kept, broken = which[near], kept[near], broken[near]
        kept, _ = self._bisected(which, kept, broken, round_trip_ms, _FINE)
        thresholds = np.maximum(np.exp(kept) * _ASIDE, area.throughput_mbit_s[0]).tolist()
        steps: list[float] = []
        chosen: list[int] = []
        for place in np.lexsort((kept, self.level[which])).tolist():
            if thresholds[place] < (steps[-1] if steps else area.throughput_mbit_s[1]):
                steps.append(thresholds[place])
                chosen.append(int(which[place]))
        return _Row(round_trip_ms, tuple(reversed(steps)), tuple(reversed(chosen)))

    def _bisected(
        self, which: NDArray[np.intp], kept: Array, broken: Array, round_trip_ms: float, times: int
    ) -> tuple[Array, Array]:
        """Logarithms of a throughput where each keeps the limit and of one where it does not, closer together."""
        for _ in range(times):
            middle = 0.5 * (kept + broken)
            keeps = self._keeps(which, middle, round_trip_ms)
            kept, broken = np.where(keeps, middle, kept), np.where(keeps, broken, middle)
        return kept, broken

    def _keeps(self, which: NDArray[np.intp], log_throughput: Array, round_trip_ms: float) -> NDArray[np.bool_]:
        return np.asarray(self.latency_ms(which, np.exp(log_throughput), round_trip_ms) <= self.limit_ms)


def _levels(accuracy: Array, within: float) -> Array:
    """Whole steps below the best; without a step's width each accuracy is a level of its own."""
    if within:
        return np.asarray(np.floor((accuracy.max(initial=0.0) - accuracy) / within), np.float64)
    return -accuracy


def _rows(lines: _Lines, area: Area) -> tuple[list[_Row], float]:
    """Rows where they tell most, in order, and the share of the map between them that is not settled."""
    trips = np.geomspace(*area.round_trip_ms, _FIRST_ROWS).tolist()
    rows = {trip: lines.row(trip, area) for trip in trips}
    height = math.log(area.round_trip_ms[1] / area.round_trip_ms[0])

    def gap(low: float, high: float) -> tuple[float, float, float]:
        """Largest first in a heap."""
        differing = _differing(lines, rows[low], rows[high], area)
        return -differing * math.log(high / low) / height, low, high

    gaps = [gap(*pair) for pair in pairwise(trips)]
    heapq.heapify(gaps)
    while sum(share for share, _, _ in gaps) < -_UNRESOLVED and len(rows) < _MAX_ROWS:
        _, low, high = heapq.heappop(gaps)
        middle = math.sqrt(low * high)
        rows[middle] = lines.row(middle, area)
        heapq.heappush(gaps, gap(low, middle))
        heapq.heappush(gaps, gap(middle, high))
    return [rows[trip] for trip in sorted(rows)], abs(math.fsum(share for share, _, _ in gaps))


def _differing(lines: _Lines, one: _Row, other: _Row, area: Area) -> float:
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


def _merged(rows: list[_Row]) -> list[_Row]:
    """Without rows that are as the next one."""
    following = [*rows[1:], None]
    return [
        row
        for row, after in zip(rows, following, strict=True)
        if after is None or (row.steps, row.chosen) != (after.steps, after.chosen)
    ]


def _regimes(lines: _Lines, rows: list[_Row], area: Area) -> tuple[tuple[Regime, ...], dict[int, int]]:
    """Every candidate of the map, most accurate first, and the place of each line among them."""
    low, high = area.throughput_mbit_s
    spans: list[tuple[int, float, float, float, float]] = []
    before = area.round_trip_ms[0]
    for row in rows:
        ends = (low, *row.steps, high)
        for place, (slow, fast) in zip((lines.local, *row.chosen), pairwise(ends), strict=True):
            if place is not None and fast > slow:
                spans.append((place, slow, fast, row.round_trip_ms, math.log(row.round_trip_ms / before)))
        before = row.round_trip_ms
    used = sorted({place for place, *_ in spans} | (set() if lines.local is None else {lines.local}))
    places = {line: place for place, line in enumerate(used)}
    return tuple(_regime(lines, line, [span for span in spans if span[0] == line], area) for line in used), places


def _regime(lines: _Lines, line: int, spans: list[tuple[int, float, float, float, float]], area: Area) -> Regime:
    row, cut, code = (int(part) for part in lines.index[line])
    _, slow, fast, trip, height = np.asarray(spans or [(line, *area.throughput_mbit_s, area.round_trip_ms[1], 0.0)]).T
    which = np.full(len(slow), line)
    (low, high), (short, long) = area.throughput_mbit_s, area.round_trip_ms
    whole = math.log(high / low) * math.log(long / short)
    accuracy = float(lines.accuracy[line])
    return Regime(
        candidate=lines.table.candidate(row, cut, code),
        kind=lines.table.kind_of(cut).value,
        accuracy=accuracy,
        accuracy_margin=accuracy - (0.0 if lines.local is None else float(lines.accuracy[lines.local])),
        latency_margin_ms=(
            float(lines.limit_ms - lines.latency_ms(which, slow, trip).max()),
            float(lines.limit_ms - lines.latency_ms(which, fast, trip).min()),
        ),
        share=float((np.log(fast / slow) * height).sum() / whole),
    )


def _infeasible(lines: _Lines, area: Area) -> InfeasibleError:
    everything = np.arange(len(lines.accuracy))
    if not everything.size:
        return InfeasibleError("no candidate keeps the rules that do not depend on time")
    fastest = lines.latency_ms(everything, np.full(len(everything), area.throughput_mbit_s[1]), area.round_trip_ms[0])
    return InfeasibleError(
        f"no candidate meets {lines.limit_ms:.1f} ms at p{lines.percentile:g} anywhere on the map",
        (f"the fastest takes {fastest.min():.1f} ms over the best link",),
    )


def _digest(lines: _Lines, constraints: Constraints, area: Area, within: float) -> str:
    """Of everything that the map follows from."""
    digest = hashlib.sha256(msgspec.json.encode((constraints, area, within, lines.table.archs, lines.table.encodings)))
    for array in (lines.index, lines.accuracy, lines.fixed_ms, lines.variance, lines.wire_ms, lines.speed, lines.trip):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
