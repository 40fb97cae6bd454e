"""Where accuracies of whole architectures come from: what the search needs of a source.

Three there are: the supernet with its predictor (:mod:`supernet`), a table (:mod:`table`), a user's function
(:mod:`function`). docs/accuracy.md says what their figures mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nasc_search.accuracy.cell_features import Array


class AccuracySource(Protocol):
    """Tells accuracies, 0..1, before anything is decided."""

    @property
    def name(self) -> str:
        """As people read it: ``supernet``, ``table FILE.npz:KEY``, ``function MODULE:FUNCTION``."""
        ...

    @property
    def known(self) -> Mapping[str, float]:
        """What it told exactly so far, by architecture."""
        ...

    def estimate(self, archs: Sequence[str]) -> Array:
        """Of each, known or predicted; NaN where it tells nothing: those are no candidates."""
        ...

    @property
    def report(self) -> str:
        """How well it tells, in words."""
        ...


class OutsideSource(AccuracySource, Protocol):
    """Tells accuracies of other weights than the supernet's, perhaps on another data set."""

    def evaluate(self, arch: str) -> float:
        """Exactly, which may take long; InputError names the architecture that it cannot tell of."""
        ...
