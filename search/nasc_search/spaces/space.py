"""What every search space offers: names of architectures and the network of each.

A space knows nothing of weights, data or cost. ``arch`` is the space's own short name of an architecture; it is what
travels in messages and files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from nasc_sdk.ir.network import Network


class SearchSpace(Protocol):
    """A set of architectures on one macro skeleton: all share input, classes and cut positions."""

    @property
    def name(self) -> str:
        """Name and macro parameters in one line; equal for equal spaces."""
        ...

    @property
    def archs(self) -> Sequence[str]:
        """All architectures that the search may choose (the connected ones), in a fixed order."""
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
