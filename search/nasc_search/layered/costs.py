"""LayeredCosts: what each choice of a layered space takes on board and server, as plain arrays for additive search.

In such a space (:class:`nasc_search.spaces.space.LayeredSpace`) the time of a head or a tail is a sum over its blocks.
An architecture with choices ``c`` and cut ``k`` takes, in milliseconds and without the transfer, ::

    board   0                                                            k = 0
            stem_board_ms + sum(board_ms[l, c[l]] for l < k - 1)         1 <= k <= L + 1
            ... + classifier_board_ms                                    k = L + 2
    server  classifier_server_ms + sum(server_ms[l, c[l]] for l >= k - 1)  1 <= k <= L + 1
            ... + stem_server_ms                                         k = 0
            0                                                            k = L + 2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.candidate import INT8
from nasc_sdk.cost.model import CostModel, predict_blocks
from nasc_sdk.errors import InputError
from nasc_search.joint.memory import FILE_BYTES
from nasc_search.layered.blocks import NONE, LayerBlocks, layer_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.spaces.space import LayeredSpace

    Array = NDArray[np.float64]

_US_PER_MS: Final = 1000.0
_UNLIMITED: Final = 1 << 60
_NEVER: Final = 1 << 61
"""Bytes of what no limit allows; a sum of two does not overflow."""


@dataclass(frozen=True, slots=True, eq=False)
class LayeredCosts:
    """Median milliseconds over L layers and C choices; infinite where a layer does not take a choice.

    What every run of a head costs beside its blocks is in ``stem_board_ms``, and of a tail in ``classifier_server_ms``:
    each head has the stem, each tail the classifier. A time may come out below zero within the cost model's error,
    where only sums are known well.
    """

    board_ms: Array
    """[L, C]"""
    server_ms: Array
    """[L, C]"""
    stem_board_ms: float
    stem_server_ms: float
    classifier_board_ms: float
    classifier_server_ms: float
    payload_bytes: NDArray[np.int64]
    """[L + 3] Plain int8 bytes of one sample at each cut: 0 before the stem (the raw input), 1 after it, ``l + 2``
    after layer ``l`` (counted from 0, so that L + 1 is before the classifier), L + 2 after the classifier: nothing."""

    def __post_init__(self) -> None:
        if self.board_ms.ndim != 2 or self.board_ms.shape != self.server_ms.shape or not self.board_ms.size:
            raise InputError(f"layer costs of shapes {self.board_ms.shape} and {self.server_ms.shape} are not [L, C]")
        if self.payload_bytes.shape != (len(self.board_ms) + 3,):
            cuts = len(self.board_ms) + 3
            raise InputError(f"{len(self.payload_bytes)} payloads are not one for each of {cuts} cuts")
        fixed = (self.stem_board_ms, self.stem_server_ms, self.classifier_board_ms, self.classifier_server_ms)
        times = (self.board_ms, self.server_ms)
        if not np.isfinite(fixed).all() or any(np.isnan(ms).any() or np.isneginf(ms).any() for ms in times):
            raise InputError("a time among the layer costs is not a number")
        if (np.isfinite(self.board_ms) != np.isfinite(self.server_ms)).any() or not self.legal.any(axis=1).all():
            raise InputError("board and server must take the same choices, and at least one at each layer")

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[L, C] Whether the layer takes the choice."""
        return np.isfinite(self.board_ms)


@dataclass(frozen=True, slots=True, eq=False)
class LayeredMemory:
    """What a board's memory allows and a head's blocks need of it, over L layers and C choices; bytes."""

    fits: NDArray[np.bool_]
    """[L, C] Whether the board has the arena for the choice."""
    layer_bytes: NDArray[np.int64]
    """[L, C] In the head's model file."""
    stem_bytes: int
    """With what every file takes."""
    classifier_bytes: int
    flash_bytes: int
    """Most that a head's file may take."""

    @classmethod
    def unlimited(cls, layers: int, choices: int) -> LayeredMemory:
        """Where nothing is asked."""
        shape = layers, choices
        return cls(np.ones(shape, bool), np.zeros(shape, np.int64), 0, 0, _UNLIMITED)


def layered_memory(blocks: LayerBlocks, arena_bytes: int, flash_bytes: int) -> LayeredMemory:
    """Of a space and a board's limits, 0 for none."""
    arena, flash = (limit or _UNLIMITED for limit in (arena_bytes, flash_bytes))
    fits = blocks.activation_bytes <= arena
    stem, classifier = (int(blocks.model_bytes[at, 0]) for at in (0, -1))
    # Without room for the stem there is no head, without room for the classifier no whole one.
    return LayeredMemory(
        fits=fits[1:-1],
        layer_bytes=blocks.model_bytes[1:-1],
        stem_bytes=FILE_BYTES + stem if fits[0, 0] else _NEVER,
        classifier_bytes=classifier if fits[-1, 0] else _NEVER,
        flash_bytes=flash,
    )


def layered_costs(space: LayeredSpace, board: CostModel, server: CostModel) -> LayeredCosts:
    """The arrays of a space; InputError when a cost model knows no operator at all."""
    blocks = layer_blocks(space)
    times = [_layer_ms(blocks, model) for model in (board, server)]
    (board_ms, stem_board, classifier_board), (server_ms, stem_server, classifier_server) = times
    return LayeredCosts(
        board_ms,
        server_ms,
        stem_board + board.invocation_us / _US_PER_MS,
        stem_server,
        classifier_board,
        classifier_server + server.invocation_us / _US_PER_MS,
        # What crosses the last cut is the answer, and it is on the board already.
        np.array([*(INT8.payload_bytes(spec) for spec in blocks.cut_specs[:-1]), 0], np.int64),
    )


def _layer_ms(blocks: LayerBlocks, model: CostModel) -> tuple[Array, float, float]:
    """Of layers and choices, of the stem, and of the classifier."""
    ms = predict_blocks(model, blocks.keys).us / _US_PER_MS
    every = np.where(blocks.number == NONE, np.inf, ms[blocks.number])
    return every[1:-1], float(every[0, 0]), float(every[-1, 0])
