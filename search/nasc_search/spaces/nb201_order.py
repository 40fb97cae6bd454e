"""The order in which NAS-Bench-201 numbers its 15,625 cells: tables of the benchmark are read by it.

The authors listed all cells with the last edge turning fastest, then shuffled the list with Python's generator seeded
with 88 (AutoDL-Projects, NAS-Bench-201's ``main.py``). Python keeps that sequence between releases; the test holds
the digest of the result, so that a release which does not would be noticed.
"""

from __future__ import annotations

import itertools
import random
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.spaces.nb201 import EDGES, EdgeOp

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS: Final = len(EdgeOp) ** len(EDGES)
"""15,625: every choice of an operator on each of the six edges."""
_SHUFFLE_SEED: Final = 88


@cache
def benchmark_ops() -> NDArray[np.int64]:
    """``[15625, 6]``, read-only: row i holds the operators (``EdgeOp``, in the order of ``EDGES``) of index i."""
    cells = list(itertools.product(range(len(EdgeOp)), repeat=len(EDGES)))
    random.Random(_SHUFFLE_SEED).shuffle(cells)
    table = np.array(cells, dtype=np.int64)
    table.flags.writeable = False
    return table
