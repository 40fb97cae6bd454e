"""Accuracies of an outside source, a table or a function, in the candidate table of a supernet.

They replace the supernet's of whole architectures. What an encoding costs is not theirs to tell: that stays as it was
evaluated, or predicted, with the supernet, and is taken off them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nasc_search.accuracy.keys import accuracy_key
from nasc_search.joint.scored import Scored
from nasc_search.joint.table import Array, CandidateTable, ToldBy


def as_told(table: CandidateTable, told_by: ToldBy, accuracy: Array, exact: NDArray[np.bool_]) -> CandidateTable:
    """The same candidates with ``accuracy`` [A], 0..1, of whole architectures; not ``exact`` where it is predicted."""
    lossless = table.lossless
    whole = int(lossless.argmax())
    moved = np.clip(table.accuracy + (accuracy - table.accuracy[:, 0, whole])[:, None, None], 0.0, 1.0)
    moved[:, :, lossless] = accuracy[:, None, None]
    # A loss is known where the network was evaluated with its encoding and without.
    known = (table.evaluated & table.evaluated[:, :1, whole : whole + 1]) | lossless
    return replace(table, accuracy=moved, evaluated=known & exact[:, None, None], told_by=told_by)


def origin(scored: Scored) -> str:
    """Where a candidate's accuracy is from, in words."""
    if not scored.told_by:
        return "evaluated" if scored.evaluated else "predicted"
    coded = accuracy_key(scored.candidate) != scored.candidate.arch
    if coded:
        return f"{scored.told_by}, less the {'evaluated' if scored.evaluated else 'predicted'} loss of the encoding"
    return scored.told_by if scored.evaluated else f"predicted from {scored.told_by}"


def accuracy_text(scored: Scored) -> str:
    """The accuracy, where it is from and, where that is elsewhere, what the deployed weights reach."""
    text = f"accuracy {scored.accuracy:.2%} ({origin(scored)})"
    if not scored.told_by:
        return text
    own = scored.own_accuracy
    reached = "was not evaluated" if own is None else f"is {own:.2%} (evaluated)"
    return f"{text}; with the supernet's weights, which are deployed, it {reached}"
