"""CandidateTable: every (architecture, cut, cut encoding) as arrays, and its latency over any link.

``T_p = sum of medians + sqrt(sum of (q_p - median)^2)`` over head, encoding, transfer, decoding and tail: what is
computed spreads with the device's jitter and the cost model's own error, the transfer with the link's samples, exactly,
for each payload. Over a link that loses segments (:mod:`nasc_sdk.link.loss`) the same holds in each outcome at its own
level, and the least of them is ``T_p``.
The last cut has no network term at all; cut 0 sends the raw int8 input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.candidate import INT8, Candidate, CutEncoding
from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_sdk.link.loss import LossModel
from nasc_sdk.profiling.profile import UNKNOWN_BOARD, Power
from nasc_search.accuracy.keys import parse_accuracy_key
from nasc_search.joint.coding import Coding
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.enumerated import Shortlist

Array = NDArray[np.float64]


class Kind(StrEnum):
    """Where a candidate runs."""

    ALL_EDGE = "all-edge"
    SPLIT = "split"
    ALL_LOCAL = "all-local"


@dataclass(frozen=True, slots=True)
class Overheads:
    """What every request that uses the link pays beside head, transfer and tail; median milliseconds.

    Decoding happens in front of the tail and is shown, and measured, together with it.
    """

    encode_ms: float = 0.0
    decode_ms: float = 0.0
    reply_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """All of them."""
        return self.board_ms + self.decode_ms

    @property
    def board_ms(self) -> float:
        """Those that the board pays."""
        return self.encode_ms + self.reply_ms


@dataclass(frozen=True, slots=True)
class ToldBy:
    """Who tells a table's accuracies, where it is not the supernet whose weights are deployed."""

    name: str
    """As people read it, ``table FILE.npz:KEY``."""
    own: Mapping[str, float]
    """What the supernet's weights reach themselves, where that was evaluated, by :func:`accuracy_key`."""


@dataclass(frozen=True, slots=True)
class Way:
    """One outcome of a transfer, [K, E]; at its level ``T = fixed + median + sqrt(z^2 * variance + spread^2)``, where
    variance is that of everything else.
    """

    z_squared: Array
    """[1, 1] where it is the same everywhere."""
    median_ms: Array
    spread_ms: Array


# Not slotted: the cached properties below live in the instance's dictionary.
@dataclass(frozen=True)
class CandidateTable:
    """Arrays over A architectures, K cuts, E encodings; times in milliseconds, accuracy in 0..1."""

    archs: tuple[str, ...]
    encodings: tuple[CutEncoding, ...]
    accuracy: Array
    """[A, K, E]"""
    evaluated: NDArray[np.bool_]
    """[A, K, E]: accuracy was measured on images, or told exactly; not predicted."""
    head_ms: Array
    """[A, K] median."""
    head_sd_ms: Array
    """[A, K] jitter and model error, one standard deviation."""
    tail_ms: Array
    tail_sd_ms: Array
    payload_bytes: NDArray[np.int64]
    """[K, E]"""
    legal: NDArray[np.bool_]
    """[K, E]: the encoding exists at the cut."""
    arena_bytes: NDArray[np.int64]
    """[A, K]"""
    flash_bytes: NDArray[np.int64]
    """[A, K]"""
    coding: Coding
    overheads: Overheads = Overheads()
    power: Power = UNKNOWN_BOARD
    """Of the board."""
    extrapolated: tuple[str, ...] = ()
    """Operators that some device was never seen to run; their times are guesses with a wide interval."""
    told_by: ToldBy | None = None
    shortlist: Shortlist | None = None
    """How the architectures were found, where the space holds more."""

    def __post_init__(self) -> None:
        size = self.head_ms.shape
        per_head = (self.head_sd_ms, self.tail_ms, self.tail_sd_ms, self.arena_bytes, self.flash_bytes)
        if any(array.shape != size for array in per_head) or len(self.archs) != size[0]:
            raise InputError("the arrays of a candidate table disagree in their shapes")
        codes = (size[1], len(self.encodings))
        per_code = (self.payload_bytes, self.legal, self.coding.head_ms, self.coding.tail_ms)
        if any(array.shape != codes for array in per_code):
            raise InputError("payload or coding of a candidate table has the wrong shape")
        if self.accuracy.shape != (size[0], *codes) or self.evaluated.shape != self.accuracy.shape:
            raise InputError("the accuracy of a candidate table has the wrong shape")
        if not np.isfinite(self.accuracy).all():
            raise InputError("an accuracy of a candidate table is not a number")

    @property
    def cuts(self) -> int:
        """Number of cuts, both ends included."""
        return int(self.head_ms.shape[1])

    @property
    def size(self) -> int:
        """Number of candidates."""
        return len(self.archs) * int(self.legal.sum())

    @cached_property
    def fixed_ms(self) -> Array:
        """[A, K] median of everything but the transfer."""
        fixed = self.head_ms + self.tail_ms
        fixed[:, :-1] += self.overheads.total_ms
        return fixed

    @cached_property
    def fixed_variance(self) -> Array:
        """[A, K] variance of everything but the transfer, ms^2."""
        return np.asarray(self.head_sd_ms**2 + self.tail_sd_ms**2, np.float64)

    @cached_property
    def server_ms(self) -> Array:
        """[A, K, E] median that the server computes for a request, decoding included; nothing at the last cut."""
        # In the order of the sum in nasc_search.joint.scored, so that both agree to the last bit.
        server = self.tail_ms[:, :, None] + self.coding.tail_ms
        server[:, :-1] += self.overheads.decode_ms
        return server

    @cached_property
    def most_accurate(self) -> Array:
        """[A] Accuracy of each architecture at its best, feasible or not."""
        return np.asarray(np.where(self.legal, self.accuracy, -np.inf).max(axis=(1, 2)), np.float64)

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """Row of each architecture."""
        return {arch: index for index, arch in enumerate(self.archs)}

    @cached_property
    def contender_memo(self) -> dict[tuple[bool, int, int, bool, bool], NDArray[np.int64]]:
        """Kept by :mod:`nasc_search.joint.contenders`."""
        return {}

    @cached_property
    def _payload_sizes(self) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Distinct payloads, and which of them each [K * E] is."""
        sizes, place = np.unique(self.payload_bytes.ravel(), return_inverse=True)
        return sizes, place.ravel()

    @property
    def lossless(self) -> NDArray[np.bool_]:
        """[E]: encodings that cost no accuracy."""
        return np.asarray([code.bits == INT8.bits and not code.bottleneck for code in self.encodings])

    def kind_of(self, cut: int) -> Kind:
        """Where a candidate with this cut runs."""
        if cut == 0:
            return Kind.ALL_EDGE
        return Kind.ALL_LOCAL if cut == self.cuts - 1 else Kind.SPLIT

    def cuts_of(self, kind: Kind) -> slice:
        """The cuts of a kind."""
        last = self.cuts - 1
        return {Kind.ALL_EDGE: slice(0, 1), Kind.SPLIT: slice(1, last), Kind.ALL_LOCAL: slice(last, None)}[
            kind
        ]

    def ways(self, link: Link, percentile: float) -> tuple[Way, ...]:
        """The outcomes of a transfer; one for a link that loses nothing."""
        shape = self.payload_bytes.shape
        sizes, place = self._payload_sizes
        model = LossModel(sizes, link.segment_loss, percentile)
        wires_ms = sizes[:, None] * 8e-3 / np.asarray(link.throughput_mbit_s)
        medians, quantiles = model.quantiles_ms(np.asarray([link.round_trip_ms]), wires_ms)
        ways = []
        for parts in zip(z_squared(model.level), medians, np.maximum(quantiles - medians, 0.0), strict=True):
            squared, median, spread = (part[place].reshape(shape) for part in parts)
            squared[-1], median[-1], spread[-1] = normal_quantile(percentile / 100) ** 2, 0.0, 0.0
            ways.append(Way(squared if link.segment_loss else squared[-1:, :1], median, spread))
        return tuple(ways)

    def transfer_ms(self, link: Link, percentile: float) -> Array:
        """[K, E] the percentile of the transfer alone; zero at the last cut."""
        return np.asarray(np.min([way.median_ms + way.spread_ms for way in self.ways(link, percentile)], axis=0))

    def total_ms(self, link: Link, percentile: float) -> Array:
        """[A, K, E]: the percentile of each candidate's latency, infinite where there is none."""
        return self.timed(link, percentile)(slice(None))

    def timed(self, link: Link, percentile: float) -> Callable[[Any], Array]:
        """The same of some architectures, [n, K, E] of an index of numpy."""
        ways = [
            (way.z_squared, self._around(way), np.where(self.legal, way.median_ms + self.coding.ms, np.inf))
            for way in self.ways(link, percentile)
        ]

        def total_ms(rows: Any) -> Array:
            fixed, variance, totals = self.fixed_ms[rows, :, None], self.fixed_variance[rows, :, None], []
            for z_squared, spread, median in ways:
                total = z_squared * variance
                total = total + spread
                np.sqrt(total, out=total)
                total += fixed
                total += median
                totals.append(total)
            return totals[0] if len(totals) == 1 else np.asarray(np.min(totals, axis=0), np.float64)

        return total_ms

    def total_of(self, link: Link, percentile: float, rows: Any, cuts: Any, codes: Any) -> Array:
        """The same of some candidates, to the last bit; indices of numpy."""
        variance, fixed = self.fixed_variance[rows, cuts], self.fixed_ms[rows, cuts]
        totals = []
        for way in self.ways(link, percentile):
            squared = np.broadcast_to(way.z_squared, way.median_ms.shape)[cuts, codes]
            tail = np.sqrt(squared * variance + self._around(way)[cuts, codes])
            totals.append(tail + fixed + (way.median_ms + self.coding.ms)[cuts, codes])
        return np.asarray(np.min(totals, axis=0), np.float64)

    def _around(self, way: Way) -> Array:
        """[K, E] Square of what coding and transfer add to the median at a way's level, ms^2."""
        return np.asarray(way.z_squared * self.coding.variance + way.spread_ms * way.spread_ms, np.float64)

    def allowed(self, constraints: Constraints) -> NDArray[np.bool_]:
        """[A, K, E]: exists, and is within memory, privacy and the server's budget, whatever the latency."""
        allowed = np.broadcast_to(self.legal, self.accuracy.shape).copy()
        if constraints.arena_bytes:
            allowed &= (self.arena_bytes <= constraints.arena_bytes)[:, :, None]
            allowed &= self.coding.arena_bytes <= constraints.arena_bytes
        if constraints.flash_bytes:
            allowed &= self.flash_bytes[:, :, None] + self.coding.flash_bytes <= constraints.flash_bytes
        if constraints.max_server_ms:
            allowed &= self.server_ms <= constraints.max_server_ms
        if constraints.raw_input_stays:
            allowed[:, 0] = False
        return allowed

    def locate(self, candidate: Candidate) -> tuple[int, int, int]:
        """Row, cut and encoding of a candidate; InputError when the table does not hold it."""
        try:
            row, code = self.index_of[candidate.arch], self.encodings.index(candidate.encoding)
        except (KeyError, ValueError) as error:
            raise InputError(f"{candidate} is not in the candidate table") from error
        if not (0 <= candidate.cut < self.cuts and self.legal[candidate.cut, code]):
            raise InputError(
                f"{candidate} is not in the candidate table: cuts are 0 to {self.cuts - 1}, and encodings must fit them"
            )
        return row, candidate.cut, code

    def holds(self, candidate: Candidate) -> bool:
        """Whether :meth:`locate` finds it."""
        try:
            self.locate(candidate)
        except InputError:
            return False
        return True

    def candidate(self, row: int, cut: int, code: int) -> Candidate:
        """Inverse of :meth:`locate`."""
        return Candidate(self.archs[row], cut, self.encodings[code])

    def with_accuracy(self, measured: Mapping[str, float]) -> CandidateTable:
        """The same table with real evaluations, by :func:`nasc_search.accuracy.keys.accuracy_key`,
        in place of predictions.

        An architecture's own accuracy moves what is predicted of its encoded cuts with it. InputError for strangers.
        """
        accuracy, evaluated = self.accuracy.copy(), self.evaluated.copy()
        for key, value in sorted(measured.items(), key=lambda item: item[0] not in self.index_of):
            if key in self.index_of:
                row = self.index_of[key]
                whole = np.broadcast_to(self.lossless, accuracy[row].shape)
                before = float(accuracy[row][whole].max(initial=0.0))
                accuracy[row] = np.where(evaluated[row], accuracy[row], accuracy[row] + value - before)
                accuracy[row][whole], evaluated[row][whole] = value, True
            else:
                place = self._coded_place(key)
                accuracy[place], evaluated[place] = value, True
        return replace(self, accuracy=accuracy, evaluated=evaluated)

    def only(self, rows: NDArray[np.bool_]) -> CandidateTable:
        """The table of some architectures, in their order: searched so much faster."""
        kept = np.flatnonzero(rows)
        per_arch = ("accuracy", "evaluated", "head_ms", "head_sd_ms", "tail_ms", "tail_sd_ms")
        arrays = {name: getattr(self, name)[kept] for name in (*per_arch, "arena_bytes", "flash_bytes")}
        return replace(self, archs=tuple(self.archs[row] for row in kept.tolist()), **arrays)

    def named(self, keys: Collection[str]) -> NDArray[np.bool_]:
        """[A, K, E]: whose :func:`accuracy_key` is among ``keys``; strangers are passed over."""
        found = np.zeros(self.accuracy.shape, bool)
        for key in keys:
            if key in self.index_of:
                found[self.index_of[key]] |= self.lossless
            elif parse_accuracy_key(key)[0] in self.index_of:
                found[self._coded_place(key)] = True
        return found

    def _coded_place(self, key: str) -> tuple[int, int, list[int]]:
        """Row, cut and encodings that share one accuracy."""
        arch, cut, name = parse_accuracy_key(key)
        row = self.index_of.get(arch)
        named = [replace(code, entropy=INT8.entropy) for code in self.encodings]
        codes = [index for index, code in enumerate(named) if str(code) == name]
        if row is None or cut is None or not codes or not 0 < cut < self.cuts - 1:
            raise InputError(f"{key} is not in the candidate table")
        return row, cut, codes


def z_squared(levels: Array) -> Array:
    """Squares of :func:`normal_quantile`; 0 from 1 on, where there is no time either."""
    flat = [normal_quantile(level) ** 2 if level < 1 else 0.0 for level in levels.ravel().tolist()]
    return np.reshape(flat, levels.shape)


@lru_cache(maxsize=1024)
def normal_quantile(level: float) -> float:
    """Standard deviations above the median, of a level between 0 and 1."""
    return NormalDist().inv_cdf(level)
