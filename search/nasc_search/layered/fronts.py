"""Pareto fronts of a chain's beginnings or ends, grown layer by layer.

Of all ways to fill some layers only those can be part of the best network that no other beats in time and worth at once
(Bellman's principle); dominated points are dropped, nothing is rounded. Worth is the score, or the score less a price
for each byte of flash, where flash is scarce: such a front leads to networks that need less of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Price:
    """Worth is ``score * of_score - flash * of_flash``."""

    of_score: float = 1.0
    of_flash: float = 0.0


FREE: Final = Price()


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """Points of rising time and rising worth; each is a point of the front before it and a choice."""

    ms: Array
    score: Array
    flash: Ints
    """Bytes of the layers' model files."""
    worth: Array
    before: Ints
    choice: Ints
    most: Array
    """Highest score up to each point."""

    def most_within(self, ms: float) -> float:
        """Highest score of a point that takes no longer; minus infinity where there is none."""
        at = int(self.ms.searchsorted(ms, side="right"))
        return float(self.most[at - 1]) if at else -np.inf


def start(ms: float, flash: int, price: Price) -> Front:
    """The one front of no layer."""
    none, size = np.zeros(1, np.int64), np.asarray([flash])
    return Front(np.asarray([ms]), np.zeros(1), size, -price.of_flash * size, none, none, np.zeros(1))


def grown(first: Front, layers_ms: Array, score: Array, flash: Ints, price: Price = FREE) -> list[Front]:
    """Fronts of no layer, one layer, two layers and so on; times [L, C] are infinite where a choice is not taken."""
    fronts = [first]
    for ms, gained, bytes_ in zip(layers_ms, score, flash, strict=True):
        last, legal = fronts[-1], np.flatnonzero(np.isfinite(ms))
        times, scores, sizes = (
            (values[:, None] + added[legal]).ravel()
            for values, added in ((last.ms, ms), (last.score, gained), (last.flash, bytes_))
        )
        worth = price.of_score * scores - price.of_flash * sizes
        order = np.lexsort((-worth, times))
        best = np.maximum.accumulate(worth[order])
        kept = order[np.concatenate([np.ones(min(len(order), 1), bool), worth[order][1:] > best[:-1]])]
        before, choice = np.divmod(kept, max(len(legal), 1))
        most = np.maximum.accumulate(scores[kept])
        fronts.append(Front(times[kept], scores[kept], sizes[kept], worth[kept], before, legal[choice], most))
    return fronts


def traced(fronts: list[Front], size: int, point: int) -> list[int]:
    """Choices of the layers that lead to a point of the front of ``size`` layers, the last one first."""
    choices = []
    for front in fronts[size:0:-1]:
        choices.append(int(front.choice[point]))
        point = int(front.before[point])
    return choices
