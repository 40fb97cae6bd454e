"""Candidates as the lines of a regime map: flat arrays, their latency over any link, and the best of them along a row.

Along one round trip, each candidate keeps the limit down to some throughput, found by bisection of
:meth:`CandidateTable.total_ms` (here over one candidate's own payload). The upper envelope of accuracy over those
throughputs is the row.

``T_p`` rises with round trip and with 1/throughput: medians and quantiles of the samples do, and with ``m`` the median,
``q`` the quantile and ``c = (q - m) / sqrt(v + (q - m)^2)`` between 0 and 1, so does ``m + sqrt(v + (q - m)^2)``, whose
derivative is ``(1 - c) m' + c q'``. It rises with loss as well, which makes samples slower and levels higher in each
outcome, and so does the least over the outcomes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_sdk.link.loss import LossModel
from nasc_sdk.link.retransmission import SEGMENT_BYTES
from nasc_sdk.regime.regime_map import Spread
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.contenders import contenders
from nasc_search.joint.pareto_set import unbeaten
from nasc_search.joint.table import Array, CandidateTable, normal_quantile, z_squared

_MS_PER_BYTE_AT_1_MBIT_S: Final = 8e-3
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


@dataclass(frozen=True, slots=True)
class Row:
    """The staircase at one round trip: what holds from each throughput on, slowest first."""

    round_trip_ms: float
    steps: tuple[float, ...]
    chosen: tuple[int, ...]
    """Place of each among the lines."""


def spread_of(link: Link) -> Spread:
    """How a measured link varies around its medians; round trips of nothing do not vary."""
    throughput, trip = np.asarray(link.throughput_mbit_s), np.asarray(link.round_trip_ms)
    median = float(np.median(trip))
    trips = trip / median if median > 0 else np.ones_like(trip)
    return Spread(tuple((throughput / np.median(throughput)).tolist()), tuple(trips.tolist()))


class Lines:
    """The candidates that can be the answer anywhere, most accurate first, as flat arrays."""

    def __init__(
        self, table: CandidateTable, constraints: Constraints, spread: Spread, within: float, lossy: bool
    ) -> None:
        if len(spread.throughput) != len(spread.round_trip):
            raise InputError("a spread has as many factors of throughput as of round trip")
        few = contenders(table, constraints)
        order = np.lexsort((few.codes, few.cuts, few.rows, -few.accuracy))
        rows, cuts, codes = few.rows[order], few.cuts[order], few.codes[order]
        remote = cuts < table.cuts - 1
        fixed = table.fixed_ms[rows, cuts] + table.coding.ms[cuts, codes]
        variance = table.fixed_variance[rows, cuts] + table.coding.variance[cuts, codes]
        payload = table.payload_bytes[cuts, codes] * remote
        # Where segments get lost, a payload of one may be slower than one of two.
        alone = (payload <= SEGMENT_BYTES) & remote & lossy
        kept = unbeaten(np.column_stack([fixed, variance, payload, remote, alone]))
        self.table, self.limit_ms, self.percentile = table, constraints.bound_ms, constraints.percentile
        self.index = np.column_stack([rows, cuts, codes])[kept]
        self.accuracy: Array = few.accuracy[order][kept]
        self.level = _levels(self.accuracy, within)
        """Falls with accuracy; candidates of one level are equals."""
        self.fixed_ms, self.variance, self.remote = fixed[kept], variance[kept], remote[kept]
        self.payload_bytes: NDArray[np.int64] = payload[kept]
        self.speed, self.trip = np.asarray(spread.throughput), np.asarray(spread.round_trip)
        self.alone_ms: Array = self.fixed_ms + normal_quantile(self.percentile / 100) * np.sqrt(self.variance)
        """Latency of those that need no link."""
        local = np.flatnonzero(~self.remote & (self.alone_ms <= self.limit_ms))
        self.local: int | None = int(local[0]) if local.size else None
        """The most accurate that needs no link."""
        better = self.level < (np.inf if self.local is None else self.level[self.local])
        self.sending: NDArray[np.intp] = np.flatnonzero(self.remote & better)
        """What a link can make the answer."""


class LinesAtLoss:
    """The same over links that lose a share of their segments."""

    def __init__(self, lines: Lines, loss: float) -> None:
        self.lines, self.loss = lines, loss
        self._model = LossModel(lines.payload_bytes, loss, lines.percentile)
        self._variance = z_squared(self._model.level) * lines.variance

    def latency_ms(self, which: NDArray[np.intp], throughput: Array, round_trip_ms: Array | float) -> Array:
        """[n] as :meth:`CandidateTable.total_ms`, each candidate over its own link."""
        lines = self.lines
        trips = np.broadcast_to(round_trip_ms, which.shape)[:, None] * lines.trip
        wires = (_MS_PER_BYTE_AT_1_MBIT_S * lines.payload_bytes[which] / throughput)[:, None] / lines.speed
        median, quantile = self._model.quantiles_ms(trips, wires, which)
        tail = np.sqrt(self._variance[:, which] + np.maximum(quantile - median, 0.0) ** 2)
        total = (lines.fixed_ms[which] + median + tail).min(axis=0)
        return np.asarray(np.where(lines.remote[which], total, lines.alone_ms[which]), np.float64)

    def row(self, round_trip_ms: float, area: Area) -> Row:
        """Exact at this round trip."""
        lowest, highest = np.log(area.throughput_mbit_s)
        # So that what keeps the limit over the slowest link is the answer there too.
        lowest -= 2 * (_ASIDE - 1)
        which = self.lines.sending
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
        for place in np.lexsort((kept, self.lines.level[which])).tolist():
            if thresholds[place] < (steps[-1] if steps else area.throughput_mbit_s[1]):
                steps.append(thresholds[place])
                chosen.append(int(which[place]))
        return Row(round_trip_ms, tuple(reversed(steps)), tuple(reversed(chosen)))

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
        return np.asarray(self.latency_ms(which, np.exp(log_throughput), round_trip_ms) <= self.lines.limit_ms)


def _levels(accuracy: Array, within: float) -> Array:
    """Whole steps below the best; without a step's width each accuracy is a level of its own."""
    if within:
        return np.asarray(np.floor((accuracy.max(initial=0.0) - accuracy) / within), np.float64)
    return -accuracy
