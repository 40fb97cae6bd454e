"""The exact search over spaces whose layers add up, FBNet's 9^22 networks for one.

Head time, tail time and an additive score are sums over layers: two Pareto fronts a cut (:mod:`.layered_fronts`), of
the layers before it and of those after it. For a state of link and devices the best network is the best pair of a point
of either front within the limit; slow-downs only stretch the fronts' axes, so nothing is built anew.

What is exact: the maximum of the additive score. A predictor that does not add up ranks what :meth:`near` lists.

A board's arena only forbids choices before the cut. Its flash is a third sum: where it binds, fronts of several prices
of a byte (Lagrange's multipliers) stand beside the free one, a front of time and flash alone among them. So a network
that keeps all limits is found wherever there is one, and :meth:`bound` says how much better any other can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.layered.costs import LayeredCosts, LayeredMemory
from nasc_search.layered.fronts import FREE, Array, Front, Ints, Price, grown, start, traced

_MS_PER_BYTE_AT_1_MBIT_S: Final = 8e-3
_TAILS_EACH: Final = 4
_PRICES: Final = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Of all flash that choices differ by, in all score that they differ by."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A way from board to server at a cut, counted as :class:`nasc_search.layered.costs.LayeredCosts` counts them."""

    cut: int
    ms: float = 0.0
    """Link and coding: whatever is spent on no block."""
    score: float = 0.0
    """Added to the network's; less than 0 where the encoding loses accuracy."""
    flash_bytes: int = 0
    """Of the encoder, in the head's file."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; slow-downs are relative to the times of the costs."""

    limit_ms: float
    crossings: tuple[Crossing, ...]
    board: float = 1.0
    server: float = 1.0
    most_server_ms: float = np.inf
    """That the blocks after the cut may take."""


@dataclass(frozen=True, slots=True)
class State:
    """Of link and devices, where a cut sends its plain bytes; slow-downs are relative to the measured times."""

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

    def query(self, payload_bytes: Ints) -> Query:
        """With one crossing a cut, the last one over no link."""
        last = len(payload_bytes) - 1
        link_ms = payload_bytes * (_MS_PER_BYTE_AT_1_MBIT_S / self.throughput_mbit_s) + self.round_trip_ms
        cuts = range(1 if self.raw_input_stays else 0, last)
        crossings = (Crossing(last), *(Crossing(cut, float(link_ms[cut])) for cut in cuts))
        return Query(self.limit_ms, crossings, self.board, self.server)


@dataclass(frozen=True, slots=True)
class LayeredAnswer:
    """A network, how it crosses, and what they come to."""

    choices: tuple[int, ...]
    crossing: Crossing
    score: float
    total_ms: float

    @property
    def cut(self) -> int:
        """Of the crossing."""
        return self.crossing.cut


@dataclass(frozen=True, slots=True)
class _Side:
    """Two fronts that a crossing joins; ``spent_ms`` is spent whatever the network."""

    crossing: Crossing
    family: int
    head: Front
    tail: Front
    spent_ms: float
    flash_bytes: int
    """Left for the layers of the head."""
    most: float
    """Score that no pair exceeds."""


_NOTHING: Final = start(0.0, 0, FREE)


class LayeredSearch:
    """Fronts of one board, server and score; a query takes less than a millisecond for FBNet."""

    def __init__(self, costs: LayeredCosts, score: Array, memory: LayeredMemory | None = None) -> None:
        """``score`` [L, C] is what each choice adds; InputError for another shape, or a legal one that is no number."""
        if score.shape != costs.board_ms.shape:
            raise InputError(f"scores {score.shape} are not those of {costs.board_ms.shape} layers and choices")
        if not np.isfinite(score[costs.legal]).all():
            raise InputError("a score of a legal choice is not a number")
        self._costs, self._layers = costs, len(score)
        self._memory = memory or LayeredMemory.unlimited(*score.shape)
        self._prices: tuple[Price, ...] = (FREE,)
        self._heads = [self._grown_heads(score, FREE)]
        """Front ``k`` of a family: k layers on the board."""
        self._most_flash = max(int(front.flash.max(initial=0)) for front in self._heads[0])
        if self._most_flash > self._memory.flash_bytes:
            self._prices = (FREE, *_prices(score, self._memory.layer_bytes, costs.legal))
            self._heads += [self._grown_heads(score, price) for price in self._prices[1:]]
        nothing = np.zeros(score.shape, np.int64)
        last = start(costs.classifier_server_ms, 0, FREE)
        self._tails = grown(last, costs.server_ms[::-1], score[::-1], nothing)[::-1]
        """Front ``k``: k layers on the board, the rest on the server."""

    @property
    def points(self) -> int:
        """Size of the largest front."""
        return max(len(front.ms) for fronts in (*self._heads, self._tails) for front in fronts)

    def best(self, query: Query) -> LayeredAnswer | None:
        """The highest score within the limits, the fastest of equals; None when nothing keeps them."""
        found: tuple[float, float, _Side, int, int] | None = None
        for side in self._sides(query):
            if found is not None and side.most < found[0]:
                break
            first, second, total = self._pairs(side, query)
            if not first.size:
                continue
            score = side.head.score[first] + side.tail.score[second] + side.crossing.score
            equal = np.flatnonzero(score == score.max())
            at = int(equal[total[equal].argmin()])
            if found is None or (score[at], -total[at]) > (found[0], -found[1]):
                found = float(score[at]), float(total[at]), side, int(first[at]), int(second[at])
        return None if found is None else self._answer(*found)

    def bound(self, query: Query) -> float:
        """A score that no network within the limits exceeds: the best one's where flash does not bind."""
        bounds = []
        for family, price in enumerate(self._prices):
            if not price.of_score:
                continue
            most = -np.inf
            for side in self._sides(query, (family,)):
                first, second, _ = self._pairs(side, query, within_flash=False)
                worth = side.head.worth[first] + side.tail.score[second] + side.crossing.score
                # What is left of the flash at its price: Lagrange's bound.
                left = price.of_flash * side.flash_bytes
                most = max(most, float(worth.max(initial=-np.inf)) + left)
            bounds.append(most)
        return min(bounds)

    def near(self, query: Query, count: int = 50) -> tuple[LayeredAnswer, ...]:
        """The networks of the highest scores, each at its best crossing, the best one first: to be ranked anew.

        Of each head only the few best tails that fit are among them: networks below the fronts are not.
        """
        every: list[tuple[float, float, _Side, int, int]] = []
        least = -np.inf
        for side in self._sides(query):
            if side.most < least:
                break
            first, best, _ = self._pairs(side, query)
            second = best[:, None] - np.arange(_TAILS_EACH)
            at, place = np.nonzero(second >= 0)
            first, second = first[at], second[at, place]
            scores = side.head.score[first] + side.tail.score[second] + side.crossing.score
            total = side.spent_ms + query.board * side.head.ms[first] + query.server * side.tail.ms[second]
            top = np.argsort(-scores, kind="stable")[:count].tolist()
            every += [(float(scores[i]), float(total[i]), side, int(first[i]), int(second[i])) for i in top]
            if len(top) == count:
                # One crossing alone has so many different networks.
                least = max(least, float(scores[top[-1]]))
        every.sort(key=lambda item: (-item[0], item[1]))
        found: dict[tuple[int, ...], LayeredAnswer] = {}
        for item in every:
            answer = self._answer(*item)
            found.setdefault(answer.choices, answer)
            if len(found) == count:
                break
        return tuple(found.values())

    def _grown_heads(self, score: Array, price: Price) -> list[Front]:
        costs, memory = self._costs, self._memory
        first = start(costs.stem_board_ms, memory.stem_bytes, price)
        return grown(first, np.where(memory.fits, costs.board_ms, np.inf), score, memory.layer_bytes, price)

    def _sides(self, query: Query, families: tuple[int, ...] = ()) -> list[_Side]:
        """Of all crossings, those that promise most first; without those that nothing within the limits can take."""
        every = (
            self._side(family, crossing, query)
            for family in families or range(len(self._prices))
            for crossing in query.crossings
        )
        return sorted((side for side in every if side.most > -np.inf), key=lambda side: -side.most)

    def _side(self, family: int, crossing: Crossing, query: Query) -> _Side:
        costs, memory, spent_ms = self._costs, self._memory, crossing.ms
        flash_bytes = memory.flash_bytes - crossing.flash_bytes
        if crossing.cut == 0:
            head, tail, spent_ms = _NOTHING, self._tails[0], spent_ms + query.server * costs.stem_server_ms
        elif crossing.cut == self._layers + 2:
            head, tail, spent_ms = self._heads[family][-1], _NOTHING, spent_ms + query.board * costs.classifier_board_ms
            flash_bytes -= memory.classifier_bytes
        else:
            head, tail = self._heads[family][crossing.cut - 1], self._tails[crossing.cut - 1]
        left, most = query.limit_ms - spent_ms, -np.inf
        if len(head.ms):
            most = head.most_within((left - query.server * tail.ms[0]) / query.board)
            most += tail.most_within(min(left - query.board * head.ms[0], query.most_server_ms) / query.server)
            most += crossing.score
        return _Side(crossing, family, head, tail, spent_ms, flash_bytes, most)

    def _pairs(self, side: _Side, query: Query, *, within_flash: bool = True) -> tuple[Ints, Ints, Array]:
        """For each point of the heads the best tail that the rest of the limit allows, and the total time."""
        head, tail = side.head, side.tail
        left = query.limit_ms - side.spent_ms - query.board * head.ms
        if query.most_server_ms < np.inf:
            left = np.minimum(left, query.most_server_ms)
        second = tail.ms.searchsorted(left / query.server, side="right") - 1
        fits = second >= 0
        if within_flash and self._most_flash > side.flash_bytes:
            fits &= head.flash <= side.flash_bytes
        first = fits.nonzero()[0]
        second = second[first]
        total = side.spent_ms + query.board * head.ms[first] + query.server * tail.ms[second]
        return first, second, np.asarray(total, np.float64)

    def _answer(self, score: float, total_ms: float, side: _Side, first: int, second: int) -> LayeredAnswer:
        cut = side.crossing.cut
        before = max(min(cut - 1, self._layers), 0)
        choices = traced(self._heads[side.family], before, first)[::-1]
        if cut <= self._layers + 1:
            choices += traced(self._tails[::-1], self._layers - before, second)
        return LayeredAnswer(tuple(choices), side.crossing, score, total_ms)


def _prices(score: Array, layer_bytes: Ints, legal: NDArray[np.bool_]) -> Iterator[Price]:
    """Of a byte of flash, from little to all that counts."""
    ranges = [
        float(sum(np.ptp(row[taken]) for row, taken in zip(values, legal, strict=True)))
        for values in (score, layer_bytes)
    ]
    if min(ranges) > 0:
        yield from (Price(1.0, share * ranges[0] / ranges[1]) for share in _PRICES)
    yield Price(0.0, 1.0)
