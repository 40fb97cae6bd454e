"""Networks of independent layers that can win: at some cut no other beats them in time and score at once.

At a cut, layers before it take the board's time and those after it the server's; both, and the score, add up. So there
is a Pareto front a cut, grown layer by layer, the board's fronts carried on with the server's layers. Link, encoding
and loss are the same for all networks at a cut, and so is what all networks have in common, however it falls to
blocks: whatever a strategy ends with is on one of these fronts. Nothing is rounded or drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_search.experiment.anatomy import Anatomy, Array
from nasc_search.experiment.apportion import Apportioned, Apportioning, constant_share
from nasc_search.layered.fronts import FREE, Front, grown, start
from nasc_search.measured.layer_table import LayerTable

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LayerTimes:
    """What L layers with C choices take on a device, milliseconds."""

    stem_ms: float
    layers_ms: Array
    """[L, C]"""
    head_ms: float

    @classmethod
    def of(cls, anatomy: Anatomy, table: LayerTable, how: Apportioning, slowdown: float) -> LayerTimes:
        """With the constant spread over the blocks."""
        shared = slowdown * table.constant_ms * constant_share(anatomy, how)
        layers = shared[1:-1, None] + slowdown * table.relative_ms
        return cls(float(shared[0]), layers, float(shared[-1]))

    def shares(self, codes: Codes) -> Apportioned:
        """Of networks at each of L + 3 cuts."""
        each = self.layers_ms[np.arange(len(self.layers_ms)), codes]
        parts = np.pad(each, ((0, 0), (2, 1)))
        parts[:, 1], parts[:, -1] = self.stem_ms, self.head_ms
        head = np.cumsum(parts, axis=1)
        return Apportioned(head, head[:, -1:] - head)


def winners(board_ms: Array, server_ms: Array, score: Array) -> Codes:
    """[n, L] Networks that at some cut no other beats in score and in time of both devices; arguments are [L, C]."""
    nothing = np.zeros(score.shape, np.int64)
    heads = grown(start(0.0, 0, FREE), board_ms, score, nothing)
    found = []
    for cut, head in enumerate(heads):
        tails = grown(head, server_ms[cut:], score[cut:], nothing[cut:])
        found.append(_traced((*heads[:cut], *tails)))
    codes = np.concatenate(found)
    _, once = np.unique(names_of(codes), return_index=True)
    return codes[once]


def names_of(codes: Codes) -> NDArray[np.str_]:
    """[n] A digit a layer."""
    digits = (codes + ord("0")).astype(np.uint32)
    return digits.view(f"U{codes.shape[1]}").ravel()


def _traced(fronts: tuple[Front, ...]) -> Codes:
    """Choices of all layers that lead to the points of the last front."""
    point = np.arange(len(fronts[-1].ms))
    codes = np.zeros((len(point), len(fronts) - 1), np.int64)
    for layer in range(len(fronts) - 2, -1, -1):
        codes[:, layer] = fronts[layer + 1].choice[point]
        point = fronts[layer + 1].before[point]
    return codes
