"""Candidates of an experiment, and the few of them that can win: exact, for any link.

A candidate's latency is ``x * board + encode + payload / throughput + round trip + decode + server`` and its accuracy
that of its architecture less what its encoding loses. Transfer, encoding and loss depend on cut and encoding alone, so
that at each cut an architecture that another one beats in accuracy and in compute is beaten over every link and with
every encoding. What is left is a staircase a cut, a few hundred points of millions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_search.experiment.anatomy import Array
from nasc_search.experiment.apportion import Apportioned
from nasc_search.experiment.coding import Coding

Ints = NDArray[np.int64]
_MS_PER_BYTE_AT_1_MBIT_S: Final = 0.008
SLACK: Final = 1e-9
"""Points: an accuracy less what it lost and plus it again is the same accuracy."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link that stands still."""

    throughput_mbit_s: float
    round_trip_ms: float

    def transfer_ms(self, payload_bytes: Array) -> Array:
        """Upload and round trip; the answer's few bytes are in the round trip."""
        return payload_bytes * _MS_PER_BYTE_AT_1_MBIT_S / self.throughput_mbit_s + self.round_trip_ms


PERFECT: Final = LinkState(float("inf"), 0.0)
"""A link that costs nothing: what no real one can beat."""


@dataclass(frozen=True, slots=True)
class Front:
    """Candidates that no other beats in latency and accuracy at once, fastest first; [m] each."""

    latency_ms: Array
    accuracy_percent: Array
    row: Ints
    """Architecture, by its row in the subject."""
    cut: Ints
    encoding: Ints

    def fastest(self, at_least_percent: float) -> int | None:
        """The fastest point that is so accurate, or None."""
        place = int(np.searchsorted(self.accuracy_percent, at_least_percent - SLACK))
        return place if place < len(self.latency_ms) else None

    def most_accurate(self, limit_ms: float) -> int | None:
        """The most accurate point within a limit, or None."""
        place = int(np.searchsorted(self.latency_ms, limit_ms, side="right")) - 1
        return place if place >= 0 else None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Points of a pool, [m] each."""

    row: Ints
    cut: Ints
    encoding: Ints
    compute_ms: Array
    """Board, encoding, decoding and server."""
    payload_bytes: Array
    is_linked: NDArray[np.bool_]
    accuracy_percent: Array

    def latency_ms(self, link: LinkState) -> Array:
        """Over a link; a candidate that runs on the board alone does not notice it."""
        return np.asarray(self.compute_ms + np.where(self.is_linked, link.transfer_ms(self.payload_bytes), 0.0))

    def front(self, link: LinkState) -> Front:
        """The Pareto front over a link."""
        latency = self.latency_ms(link)
        chosen = pareto(self.accuracy_percent, latency)
        return Front(
            latency[chosen], self.accuracy_percent[chosen], self.row[chosen], self.cut[chosen], self.encoding[chosen]
        )

    def that_can_win(self) -> Candidates:
        """Without those that another one beats over every link: as accurate, no slower, and no heavier."""
        keep = np.zeros(len(self.row), bool)
        seen_ms, seen_percent = np.zeros(0), np.zeros(0)
        for payload in np.unique(self.payload_bytes):
            here = np.flatnonzero(self.payload_bytes == payload)
            cost = np.concatenate([seen_ms, self.compute_ms[here]])
            gain = np.concatenate([seen_percent, self.accuracy_percent[here]])
            best = pareto(gain, cost)
            keep[here[best[best >= len(seen_ms)] - len(seen_ms)]] = True
            seen_ms, seen_percent = cost[best], gain[best]
        return self.where(keep)

    def where(self, keep: NDArray[np.bool_]) -> Candidates:
        """Some of the points."""
        return Candidates(
            self.row[keep], self.cut[keep], self.encoding[keep], self.compute_ms[keep], self.payload_bytes[keep],
            self.is_linked[keep], self.accuracy_percent[keep],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pool:
    """Architectures at every cut: all, or all that can win at any of them."""

    accuracy_percent: Array
    """[A]"""
    compute_ms: Array
    """[A, K] Board, slowed down as asked, and server."""
    names: NDArray[np.int64] | NDArray[np.str_]
    """[A] As documents name them."""
    stairs: tuple[Ints, ...]
    """[K] Architectures that can win at a cut."""

    @classmethod
    def build(
        cls, accuracy_percent: Array, board: Apportioned, server: Apportioned,
        names: NDArray[np.int64] | NDArray[np.str_],
    ) -> Pool:  # fmt: skip
        """From the two devices' shares."""
        compute = board.head_ms + server.tail_ms
        return cls(accuracy_percent, compute, names, tuple(pareto(accuracy_percent, column) for column in compute.T))

    @property
    def last(self) -> int:
        """The cut with everything on the board."""
        return self.compute_ms.shape[1] - 1

    def candidates(self, coding: Coding, cuts: range | tuple[int, ...] | None = None) -> Candidates:
        """Those that can win, at some cuts or at all."""
        rows = [self.stairs[cut] for cut in (range(self.last + 1) if cuts is None else cuts)]
        at = np.repeat(np.arange(self.last + 1) if cuts is None else np.array(cuts, np.int64), [len(r) for r in rows])
        return self.expand(np.concatenate(rows), at, coding)

    def of(self, row: int, coding: Coding) -> Candidates:
        """One architecture at every cut and encoding."""
        return self.expand(np.full(self.last + 1, row), np.arange(self.last + 1), coding)

    def expand(self, row: Ints, cut: Ints, coding: Coding) -> Candidates:
        """Architectures at cuts, with every encoding that exists there."""
        point, code = np.nonzero(np.isfinite(coding.points_lost[cut]))
        row, cut = row[point], cut[point]
        return Candidates(
            row=row,
            cut=cut,
            encoding=code,
            compute_ms=self.compute_ms[row, cut] + coding.board_ms[cut, code] + coding.server_ms[cut, code],
            payload_bytes=coding.payload_bytes[cut, code],
            is_linked=cut < self.last,
            accuracy_percent=self.accuracy_percent[row] - coding.points_lost[cut, code],
        )


def pareto(gain: Array, cost: Array) -> Ints:
    """Places of the points that no other beats in both, cheapest first; of equals the first."""
    order = np.lexsort((-gain, cost))
    ordered = gain[order]
    keep = np.ones(len(order), bool)
    keep[1:] = ordered[1:] > np.maximum.accumulate(ordered)[:-1]
    return np.asarray(order[keep], np.int64)
