"""What a search says of a space that is too large to list: the shortlist it took, and how far sums lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_search.accuracy.kernel_ridge import to_accuracy


@dataclass(frozen=True, slots=True)
class Sums:
    """Scores of candidates as sums over layers and encoding; accuracy, 0..1, follows from them."""

    archs: Mapping[str, float] = field(repr=False)
    """Of every architecture in the table."""
    coding: Mapping[tuple[int, CutEncoding], float] = field(repr=False)
    """Added by cut and encoding, where an encoding loses accuracy."""

    def accuracy(self, candidate: Candidate) -> float:
        """Of a candidate in the table."""
        score = self.archs[candidate.arch] + self.coding.get((candidate.cut, candidate.encoding), 0.0)
        return accuracy_of(score)


def accuracy_of(score: float) -> float:
    """0..1; nothing for minus infinity."""
    return float(to_accuracy(np.asarray([score]))[0]) if np.isfinite(score) else 0.0


@dataclass(frozen=True, slots=True)
class Shortlist:
    """What was enumerated over a link, and how far sums lead."""

    networks: int
    """In the whole space."""
    here: int
    """Architectures that came near the best by sums over this link."""
    elsewhere: int
    """And over the links that it may become."""
    beside: int
    """And those that differ in one layer from what is best in full over this link."""
    best: str
    """The best by sums within all limits, times of its blocks at their medians; empty where there is none."""
    most: float
    """Accuracy by sums that nothing within the limits exceeds, 0..1."""
    sums: Sums

    def gap(self, chosen: Candidate) -> float:
        """By how much another candidate is more accurate by sums at most, 0..1."""
        return max(self.most - self.sums.accuracy(chosen), 0.0)

    def of(self, chosen: Candidate) -> Enumerated:
        """For an answer."""
        return Enumerated(
            float(self.networks), self.here, self.elsewhere, self.beside, self.best, self.most,
            self.sums.accuracy(chosen), self.gap(chosen),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enumerated:
    """The same beside a choice, as plain numbers; accuracies by sums, 0..1."""

    networks: float
    here: int
    elsewhere: int
    beside: int
    best: str
    most: float
    chosen: float
    gap: float
