"""LayerBlocks: what each choice of a layered space is made of as it runs, worked out once: a few hundred blocks.

Every architecture of such a space (:class:`nasc_search.spaces.space.LayeredSpace`) is a row of these, so that costs,
memory and catalogues of any of them are look-ups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.cost.features import block_key
from nasc_sdk.errors import InputError
from nasc_search.export.simplify import simplify_block
from nasc_search.joint.memory import activation_bytes, model_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_sdk.ir.network import Block, TensorSpec
    from nasc_search.spaces.space import LayeredSpace

    Ints = NDArray[np.int64]

NONE: Final = -1
"""Where a layer does not take a choice."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerBlocks:
    """Blocks over P = L + 2 positions (stem, layers, classifier) and C choices; stem and classifier are choice 0."""

    keys: tuple[str, ...]
    """Latency-distinct blocks."""
    number: Ints
    """[P, C] Index into ``keys``, or ``NONE``."""
    activation_bytes: Ints
    """[P, C]"""
    model_bytes: Ints
    """[P, C]"""
    cut_specs: tuple[TensorSpec, ...]
    """What crosses each of P + 1 cuts."""

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[L, C] Whether the layer takes the choice."""
        return np.asarray(self.number[1:-1] != NONE)

    @property
    def networks(self) -> int:
        """Number of architectures."""
        return math.prod(self.legal.sum(axis=1).tolist())

    def places(self, codes: Sequence[Sequence[int]]) -> Ints:
        """[n, P] Choice at each position; InputError for what is no code of the space."""
        choices = np.asarray(codes, np.int64).reshape(len(codes), -1)
        layers, most = self.legal.shape
        if choices.shape[1] != layers or not ((choices >= 0) & (choices < most)).all():
            raise InputError(f"an architecture is {layers} choices from 0 to {most - 1}")
        if not self.legal[np.arange(layers), choices].all():
            raise InputError("a layer does not take its choice")
        return np.pad(choices, ((0, 0), (1, 1)))


@lru_cache(maxsize=4)
def layer_blocks(space: LayeredSpace) -> LayerBlocks:
    """Of a space; InputError when a layer takes no choice, or its choices differ in the shape of what they give."""
    positions: list[list[Block | None]] = [[space.stem]]
    positions += [
        [_taken(space, layer, choice) for choice in range(choices)] for layer, choices in enumerate(space.choices)
    ]
    positions.append([space.classifier])
    shape = len(positions), max(space.choices)
    keys: dict[str, int] = {}
    number, activations, models = np.full(shape, NONE), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    specs = [space.stem.input]
    for position, blocks in enumerate(positions):
        taken = {choice: simplify_block(block) for choice, block in enumerate(blocks) if block is not None}
        outputs = {block.output_spec for block in taken.values()}
        if len(outputs) != 1:
            what = "takes no choice" if not outputs else "has choices that differ in shape"
            raise InputError(f"{space.name}: layer {position - 1} {what}")
        specs.append(outputs.pop())
        for choice, block in taken.items():
            place = position, choice
            number[place] = keys.setdefault(block_key(block), len(keys))
            activations[place], models[place] = activation_bytes(block), model_bytes(block)
    return LayerBlocks(tuple(keys), number, activations, models, tuple(specs))


def _taken(space: LayeredSpace, layer: int, choice: int) -> Block | None:
    try:
        return space.layer(layer, choice)
    except InputError:
        return None
