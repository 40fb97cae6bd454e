"""The exact answer for any link, limit and speed of either side, in microseconds, from the few candidates that matter.

A candidate answers in ``b * head + s * tail + payload / throughput + round trip``, where ``b`` and ``s`` say how much
slower board and server are than when they were measured; what runs on the board alone pays for its head only. Whatever
the five numbers are, a candidate that another one equals or beats in accuracy, head, tail and payload at once is never
the answer. What is left is kept in order of accuracy, as one matrix: a query is one product with the state, and the
first row within the limit.

Exact for links that do not vary; percentiles over measured ones are :mod:`nasc_search.joint.contenders`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError

Array = NDArray[np.float64]
Index = tuple[int, int, int]
"""Architecture, cut, encoding."""

_MS_PER_BYTE_AT_1_MBIT_S: Final = 8e-3
_FIRST: Final = 256
"""Rows of the first look; where the limit is generous the answer is among them."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Plain arrays over A architectures, K cuts, E encodings; times in milliseconds at the measured speeds."""

    accuracy: Array
    """[A, K, E] 0..1."""
    head_ms: Array
    """[A, K]"""
    tail_ms: Array
    """[A, K]"""
    encode_ms: Array
    """[K, E] on the board, with everything else that a request costs it."""
    decode_ms: Array
    """[K, E] on the server."""
    payload_bytes: NDArray[np.int64]
    """[K, E]"""
    allowed: NDArray[np.bool_]
    """[A, K, E]: exists, and keeps the rules that do not depend on time. The last cut's answer is the board's own."""

    def __post_init__(self) -> None:
        shape = self.accuracy.shape
        if len(shape) != 3 or self.allowed.shape != shape:
            raise InputError(f"accuracy {shape} and allowed {self.allowed.shape} are not both [A, K, E]")
        if self.head_ms.shape != shape[:2] or self.tail_ms.shape != shape[:2]:
            raise InputError(f"head {self.head_ms.shape} and tail {self.tail_ms.shape} are not {shape[:2]}")
        per_code = (self.encode_ms, self.decode_ms, self.payload_bytes)
        if any(array.shape != shape[1:] for array in per_code):
            raise InputError(f"encode, decode and payload are not all {shape[1:]}")
        finite = (self.accuracy, self.head_ms, self.tail_ms, self.encode_ms, self.decode_ms)
        if not all(np.isfinite(array).all() for array in finite):
            raise InputError("a time or an accuracy of the candidates is not a number")


class ParetoSet:
    """What can be the answer to some state, most accurate first."""

    def __init__(self, accuracy: Array, costs: Array, index: NDArray[np.int64]) -> None:
        self.accuracy, self.index = accuracy, index
        """[n], and [n, 3]: architecture, cut, encoding."""
        self._costs = np.ascontiguousarray(costs)
        # Where the rows of the same accuracy end: among them the fastest is the answer.
        self._ends = np.searchsorted(-accuracy, -accuracy, side="right").tolist()
        self._rows: list[Index] = [(row, cut, code) for row, cut, code in index.tolist()]

    def __len__(self) -> int:
        return len(self._rows)

    def best(
        self, throughput_mbit_s: float, round_trip_ms: float, limit_ms: float, board: float = 1.0, server: float = 1.0
    ) -> Index | None:
        """The most accurate candidate within the limit, the fastest of equals, then the first; None without any.

        ``board`` and ``server`` are slow-downs: 2 is half as fast as measured.
        """
        state = np.array((board, server, _MS_PER_BYTE_AT_1_MBIT_S / throughput_mbit_s, round_trip_ms))
        costs = self._costs
        start = 0
        for stop in (_FIRST, len(costs)):
            times = costs[start:stop] @ state
            within = times <= limit_ms
            first = int(within.argmax()) if within.size else 0
            if within.size and within[first]:
                return self._fastest(start + first, state)
            start = stop
        return None

    def _fastest(self, first: int, state: Array) -> Index:
        end = self._ends[first]
        if end == first + 1:
            return self._rows[first]
        times = self._costs[first:end] @ state
        return self._rows[first + int(times.argmin())]


def pareto_set(candidates: Candidates) -> ParetoSet:
    """Seconds for millions of candidates: first each cut and encoding by itself, then what is left of all of them."""
    found = []
    for cut, code in np.argwhere(candidates.allowed.any(axis=0)).tolist():
        rows = _column(candidates, cut, code)
        places = np.full((len(rows), 2), (cut, code))
        found.append(np.column_stack([rows, places]))
    if not found:
        return ParetoSet(np.empty(0), np.empty((0, 4)), np.empty((0, 3), np.int64))
    index = np.concatenate(found)
    row, cut, code = index.T
    last = candidates.accuracy.shape[1] - 1
    remote = cut < last
    costs = np.column_stack(
        [
            candidates.head_ms[row, cut] + candidates.encode_ms[cut, code] * remote,
            candidates.tail_ms[row, cut] + candidates.decode_ms[cut, code] * remote,
            candidates.payload_bytes[cut, code] * remote,
            remote,
        ]
    )
    accuracy = candidates.accuracy[row, cut, code]
    order = np.lexsort((code, cut, row, -accuracy))
    kept = order[unbeaten(costs[order])]
    return ParetoSet(accuracy[kept], costs[kept], index[kept])


def _column(candidates: Candidates, cut: int, code: int) -> NDArray[np.int64]:
    """Architectures that no other beats at one cut and encoding in accuracy, head and tail."""
    rows = np.flatnonzero(candidates.allowed[:, cut, code])
    rows = rows[np.argsort(-candidates.accuracy[rows, cut, code], kind="stable")]
    heads, tails = candidates.head_ms[rows, cut].tolist(), candidates.tail_ms[rows, cut].tolist()
    # A staircase of what came so far: heads rise, tails fall.
    steps: list[float] = []
    heights: list[float] = []
    kept = []
    for place, (head, tail) in enumerate(zip(heads, tails, strict=True)):
        after = bisect_right(steps, head)
        if after and heights[after - 1] <= tail:
            continue
        kept.append(place)
        first = bisect_left(steps, head)
        end = first
        while end < len(heights) and heights[end] >= tail:
            end += 1
        steps[first:end], heights[first:end] = [head], [tail]
    return rows[kept]


def unbeaten(costs: Array) -> NDArray[np.int64]:
    """Rows, in order of accuracy, that no row before them equals or beats in all costs."""
    kept = np.empty_like(costs)
    rows: list[int] = []
    for place, cost in enumerate(costs):
        before = kept[: len(rows)]
        if not (before <= cost).all(axis=1).any():
            kept[len(rows)] = cost
            rows.append(place)
    return np.asarray(rows, np.int64)
