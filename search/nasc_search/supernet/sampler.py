"""Sampler: what chooses the sub-networks of a training and learns beside it, as a distribution over them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nasc_search.supernet.model import Supernet
from nasc_search.supernet.pace import Spread
from nasc_search.supernet.parallel import Group
from nasc_search.supernet.step import Route


class Sampler(Protocol):
    """Part of a training: its state is kept in the checkpoint, with the weights of the same step."""

    @property
    def name(self) -> str:
        """All that its choices depend on beside the training's options, in one line; binds a checkpoint to it."""
        ...

    @property
    def spread(self) -> Spread:
        """How decided it is."""
        ...

    def step(self, supernet: Supernet, step: int, group: Group) -> Sequence[Route]:
        """Learn from the weights as ``step`` finds them, which stay as they are; then draw what it trains."""
        ...

    def state(self) -> str:
        """All that it has learned."""
        ...

    def restore(self, state: str) -> None:
        """Go on from a saved state; InputError when it is of another sampler, or not whole."""
        ...
