"""How far two sources agree on the architectures that both know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nasc_search.accuracy.ranking import kendall, spearman
from nasc_search.accuracy.source import AccuracySource, OutsideSource

_FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Rank correlations, and the mean difference in accuracy, 0..1."""

    samples: int
    spearman: float
    kendall: float
    mean_error: float

    @classmethod
    def of(cls, first: Mapping[str, float], second: Mapping[str, float]) -> Agreement | None:
        """Of two sources, by architecture; None for fewer than three in common."""
        common = sorted(first.keys() & second.keys())
        if len(common) < _FEWEST:
            return None
        one, other = (np.asarray([told[arch] for arch in common], np.float64) for told in (first, second))
        return cls(len(common), spearman(one, other), kendall(one, other), float(np.abs(one - other).mean()))

    def __str__(self) -> str:
        return (
            f"Spearman {self.spearman:.3f}, Kendall {self.kendall:.3f}, mean error {100 * self.mean_error:.2f} points"
        )


def against_supernet(outside: OutsideSource, own: AccuracySource) -> str:
    """How an outside source orders the sub-networks that the supernet was evaluated on."""
    found = Agreement.of(outside.known, own.known)
    if found is None:
        return f"fewer than {_FEWEST} sub-networks evaluated with the supernet are among them: nothing to compare with"
    return (
        f"against {found.samples} sub-networks evaluated with the supernet: {found}; of another data set or training "
        "accuracies differ, and only the ranks compare"
    )
