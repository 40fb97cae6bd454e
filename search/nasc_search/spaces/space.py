"""What search spaces offer: names of architectures and the network of each.

A space knows nothing of weights, data or cost. ``arch`` is the space's own short name of an architecture; it is what
travels in messages and files. Every space is a :class:`SearchSpace`; what else it can do decides which algorithms take
it: an :class:`EnumerableSpace` can be listed, in a :class:`ChoiceSpace` an architecture is one choice at each position,
and in a :class:`LayeredSpace` each of these choices is a block of its own. docs/spaces.md tells how to add one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, Network


class SearchSpace(Protocol):
    """A set of architectures on one macro skeleton: all share input, classes and cut positions."""

    def __hash__(self) -> int:
        """Spaces are values, as their frozen dataclasses make them: what is worked out of one may be kept by it."""
        ...

    @property
    def name(self) -> str:
        """Name and macro parameters in one line; equal for equal spaces."""
        ...

    def network(self, arch: str) -> Network:
        """The legal network without dead operators; InputError when ``arch`` is none of this space."""
        ...

    def sample(self, rng: np.random.Generator) -> str:
        """One architecture, uniformly."""
        ...

    def covering_archs(self) -> Sequence[str]:
        """Architectures that together use every weight of the supernet."""
        ...

    def encode(self, arch: str) -> tuple[int, ...]:
        """The architecture as small integers, for predictors."""
        ...


@runtime_checkable
class EnumerableSpace(SearchSpace, Protocol):
    """A space small enough to list: the search service looks at all of it."""

    @property
    def archs(self) -> Sequence[str]:
        """All architectures that the search may choose (in NAS-Bench-201 the connected ones), in a fixed order."""
        ...


def listed(space: SearchSpace) -> EnumerableSpace:
    """The space, if it can be listed; else InputError."""
    if isinstance(space, EnumerableSpace):
        return space
    raise InputError(f"{space.name} has too many architectures to list")


@runtime_checkable
class ChoiceSpace(SearchSpace, Protocol):
    """A space whose architectures are one choice at each of some positions: those that ``encode`` tells."""

    @property
    def choices(self) -> Sequence[int]:
        """Number of choices at each position of a code."""
        ...

    def __hash__(self) -> int:
        """Equal for equal spaces: what follows from the choices is worked out once for each."""
        ...

    def decode(self, code: Sequence[int]) -> str:
        """The architecture of a code, inverse of ``encode``; its network may still be none (InputError there)."""
        ...


@runtime_checkable
class LayeredSpace(ChoiceSpace, Protocol):
    """A chain of stem, layers and classifier in which the choice at each layer is a block of its own.

    Position ``l`` of a code is layer ``l``, block ``l + 1`` of the network. A block depends on its own choice only, and
    the shapes between blocks on none: costs add up, and cuts are the same for all architectures.
    """

    @property
    def stem(self) -> Block:
        """First block of every network."""
        ...

    def layer(self, index: int, choice: int) -> Block:
        """The block of a choice; InputError where the layer does not take it."""
        ...

    @property
    def classifier(self) -> Block:
        """Last block of every network."""
        ...
