"""The exact search over spaces whose layers add up, FBNet's 9^22 networks for one.

Head time, tail time and an additive score are sums over layers. Of all ways to fill the layers before a cut only those
can be part of the best network that no other beats in time and score at once, and so for the layers after it: two
Pareto fronts a cut, grown layer by layer (Bellman's principle; dominated points are dropped, nothing is rounded). For
a state of link and devices the best network is the best pair of a point of either front within the limit; slow-downs
only stretch the fronts' axes, so nothing is built anew.

What is exact: the maximum of the additive score. A predictor that does not add up ranks what :meth:`near` lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.joint.layered import LayeredCosts

Array = NDArray[np.float64]

_MS_PER_BYTE_AT_1_MBIT_S: Final = 8e-3
_TAILS_EACH: Final = 4


@dataclass(frozen=True, slots=True)
class State:
    """Of link and devices; slow-downs are relative to the measured times."""

    throughput_mbit_s: float
    round_trip_ms: float
    limit_ms: float
    board: float = 1.0
    server: float = 1.0
    raw_input_stays: bool = True

    def __post_init__(self) -> None:
        values = (self.throughput_mbit_s, self.limit_ms, self.board, self.server)
        if not (np.isfinite(values).all() and min(values) > 0 and 0 <= self.round_trip_ms < np.inf):
            raise InputError(f"throughput, limit and slow-downs are positive, the round trip is not negative: {self}")


@dataclass(frozen=True, slots=True)
class LayeredAnswer:
    """A network, its cut, and what they come to."""

    choices: tuple[int, ...]
    cut: int
    """As :class:`nasc_search.joint.layered.LayeredCosts` counts them."""
    score: float
    total_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Front:
    """Points of rising time and rising score; each is a point of the front before it and a choice."""

    ms: Array
    score: Array
    before: NDArray[np.int64]
    choice: NDArray[np.int64]


class LayeredSearch:
    """Fronts of one board, server and score; a query takes less than a millisecond for FBNet."""

    def __init__(self, costs: LayeredCosts, score: Array) -> None:
        """``score`` [L, C] is what each choice adds; InputError for another shape, or a legal one that is no number."""
        if score.shape != costs.board_ms.shape:
            raise InputError(f"scores {score.shape} are not those of {costs.board_ms.shape} layers and choices")
        if not np.isfinite(score[costs.legal]).all():
            raise InputError("a score of a legal choice is not a number")
        self._costs, self._layers = costs, len(score)
        self._heads = _grown(costs.stem_board_ms, costs.board_ms, score)
        """Front ``k``: k layers on the board."""
        tails = _grown(costs.classifier_server_ms, costs.server_ms[::-1], score[::-1])
        self._tails = tails[::-1]
        """Front ``k``: k layers on the board, the rest on the server."""

    @property
    def points(self) -> int:
        """Size of the largest front."""
        return max(len(front.ms) for front in (*self._heads, *self._tails))

    def best(self, state: State) -> LayeredAnswer | None:
        """The highest score within the limit, the fastest of equals; None when nothing keeps it."""
        found: tuple[float, float, int, int, int] | None = None
        for cut, head, tail, spent_ms in self._cuts(state):
            most = head.score[-1] + tail.score[-1]
            if found is not None and most < found[0]:
                continue
            first, second, total = _pairs(head, tail, state, spent_ms)
            if not first.size:
                continue
            score = head.score[first] + tail.score[second]
            at = int(np.lexsort((total, -score))[0]) if found is None else int(score.argmax())
            equal = np.flatnonzero(score == score[at])
            at = int(equal[total[equal].argmin()])
            key = (float(score[at]), float(total[at]), cut, int(first[at]), int(second[at]))
            if found is None or (key[0], -key[1]) > (found[0], -found[1]):
                found = key
        return None if found is None else self._answer(*found)

    def near(self, state: State, count: int = 50) -> tuple[LayeredAnswer, ...]:
        """Pairs of points with the highest scores, the best one first: what another predictor may rank anew.

        Of each head only the few best tails that fit are among them: networks below the fronts are not.
        """
        every = []
        for cut, head, tail, spent_ms in self._cuts(state):
            first, best, _ = _pairs(head, tail, state, spent_ms)
            second = best[:, None] - np.arange(_TAILS_EACH)
            at, place = np.nonzero(second >= 0)
            first, second = first[at], second[at, place]
            scores = head.score[first] + tail.score[second]
            total = spent_ms + state.board * head.ms[first] + state.server * tail.ms[second]
            top = np.argsort(-scores, kind="stable")[:count].tolist()
            every += [(float(scores[i]), float(total[i]), cut, int(first[i]), int(second[i])) for i in top]
        every.sort(key=lambda item: (-item[0], item[1]))
        # A pair of points is one network at one cut: nothing is listed twice.
        return tuple(self._answer(*item) for item in every[:count])

    def _cuts(self, state: State) -> Iterator[tuple[int, _Front, _Front, float]]:
        """Each cut with its fronts and what the link and the blocks at the ends take of the limit, milliseconds."""
        costs, last = self._costs, self._layers + 2
        per_byte = _MS_PER_BYTE_AT_1_MBIT_S / state.throughput_mbit_s
        ready = _Front(np.zeros(1), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64))
        yield last, self._heads[-1], ready, state.board * costs.classifier_board_ms
        for cut in range(0 if not state.raw_input_stays else 1, last):
            link_ms = float(costs.payload_bytes[cut]) * per_byte + state.round_trip_ms
            if cut == 0:
                yield 0, ready, self._tails[0], link_ms + state.server * costs.stem_server_ms
            else:
                yield cut, self._heads[cut - 1], self._tails[cut - 1], link_ms

    def _answer(self, score: float, total_ms: float, cut: int, first: int, second: int) -> LayeredAnswer:
        before = max(min(cut - 1, self._layers), 0)
        choices = [*_traced(self._heads, before, first)[::-1]]
        if cut <= self._layers + 1:
            choices += _traced(self._tails[::-1], self._layers - before, second)
        return LayeredAnswer(tuple(choices), cut, score, total_ms)


def _grown(fixed_ms: float, layers_ms: Array, score: Array) -> list[_Front]:
    """Fronts of no layer, one layer, two layers and so on."""
    none = np.zeros(1, np.int64)
    fronts = [_Front(np.asarray([fixed_ms]), np.zeros(1), none, none)]
    for ms, gained in zip(layers_ms, score, strict=True):
        last = fronts[-1]
        legal = np.flatnonzero(np.isfinite(ms))
        times = (last.ms[:, None] + ms[legal]).ravel()
        scores = (last.score[:, None] + gained[legal]).ravel()
        order = np.lexsort((-scores, times))
        best = np.maximum.accumulate(scores[order])
        kept = order[np.concatenate([[True], scores[order][1:] > best[:-1]])]
        before, choice = np.divmod(kept, len(legal))
        fronts.append(_Front(times[kept], scores[kept], before, legal[choice]))
    return fronts


def _pairs(
    head: _Front, tail: _Front, state: State, spent_ms: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """For each point of the heads the best tail that the rest of the limit allows, and the total time."""
    left = (state.limit_ms - spent_ms - state.board * head.ms) / state.server
    second = np.searchsorted(tail.ms, left, side="right") - 1
    first = np.flatnonzero(second >= 0)
    second = second[first]
    total = spent_ms + state.board * head.ms[first] + state.server * tail.ms[second]
    return first, second, np.asarray(total, np.float64)


def _traced(fronts: list[_Front], size: int, point: int) -> list[int]:
    """Choices of the layers that lead to a point of the front of ``size`` layers, the last one first."""
    choices = []
    for front in fronts[size:0:-1]:
        choices.append(int(front.choice[point]))
        point = int(front.before[point])
    return choices
