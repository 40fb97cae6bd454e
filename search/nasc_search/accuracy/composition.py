"""What share of a network each operator has: all that a loss by encoding is told of an architecture."""

from __future__ import annotations

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import Array, Ops, live_ops
from nasc_search.spaces.nb201 import EdgeOp, NB201Space
from nasc_search.spaces.space import ChoiceSpace, SearchSpace


def shares(space: SearchSpace, codes: Ops) -> Array:
    """[n, operators] of [n, positions] codes; InputError for a space whose architectures are no choices.

    In a cell of NAS-Bench-201 only operators on a path from input to output count.
    """
    if isinstance(space, NB201Space):
        codes, operators = live_ops(codes), len(EdgeOp)
    elif isinstance(space, ChoiceSpace):
        operators = max(space.choices)
    else:
        raise InputError(f"{space.name}: accuracies are predicted of architectures that are choices at positions")
    return np.asarray(np.eye(operators)[codes].mean(axis=1))
