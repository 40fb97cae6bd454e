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
from typing import TYPE_CHECKING

import numpy as np

from nasc_sdk.candidate import INT8
from nasc_sdk.cost.features import block_key
from nasc_sdk.cost.model import CostModel, predict_blocks
from nasc_sdk.errors import InputError
from nasc_search.export.simplify import simplify_block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_sdk.ir.network import Block
    from nasc_search.spaces.space import LayeredSpace

    Array = NDArray[np.float64]

_US_PER_MS = 1000.0


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


def layered_costs(space: LayeredSpace, board: CostModel, server: CostModel) -> LayeredCosts:
    """The arrays of a space; InputError when a cost model knows no operator at all."""
    places: dict[tuple[int, int], str] = {}
    for layer, choices in enumerate(space.choices):
        for choice in range(choices):
            block = _taken(space, layer, choice)
            if block is not None:
                places[layer, choice] = _key(block)
    ends = _key(space.stem), _key(space.classifier)
    keys = list(dict.fromkeys((*ends, *places.values())))
    shape = len(space.choices), max(space.choices)
    times = []
    for model in (board, server):
        ms = dict(zip(keys, (predict_blocks(model, keys).us / _US_PER_MS).tolist(), strict=True))
        layers = np.full(shape, np.inf)
        for place, key in places.items():
            layers[place] = ms[key]
        times.append((layers, ms[ends[0]], ms[ends[1]]))
    (board_ms, stem_board, classifier_board), (server_ms, stem_server, classifier_server) = times
    return LayeredCosts(
        board_ms,
        server_ms,
        stem_board + board.invocation_us / _US_PER_MS,
        stem_server,
        classifier_board,
        classifier_server + server.invocation_us / _US_PER_MS,
        _payload_bytes(space),
    )


def _payload_bytes(space: LayeredSpace) -> NDArray[np.int64]:
    specs = [space.stem.input, space.stem.output_spec]
    for layer, choices in enumerate(space.choices):
        # The shapes between blocks depend on no choice.
        block = next(filter(None, (_taken(space, layer, choice) for choice in range(choices))), None)
        if block is None:
            raise InputError(f"{space.name}: layer {layer} takes no choice")
        specs.append(block.output_spec)
    return np.array([*(INT8.payload_bytes(spec) for spec in specs), 0], np.int64)


def _taken(space: LayeredSpace, layer: int, choice: int) -> Block | None:
    try:
        return space.layer(layer, choice)
    except InputError:
        return None


def _key(block: Block) -> str:
    """As it runs."""
    return block_key(simplify_block(block))
