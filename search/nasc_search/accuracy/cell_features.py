"""What tells a NAS-Bench-201 cell's accuracy: live operators, their pairs, and the paths through the cell.

A cell has four paths from input to output. An operator off every path cannot matter, so cells that differ
only there, and most isomorphic ones, get equal or nearly equal features.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_search.spaces.nb201 import EDGES, EdgeOp

Array = NDArray[np.float64]
Ops = NDArray[np.int64]

PATHS: Final = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""Edges of each path, as indices into ``EDGES``."""
_OPS: Final = len(EdgeOp)
_CONVS: Final = [EdgeOp.CONV_1X1, EdgeOp.CONV_3X3]


def live_ops(ops: Ops) -> Ops:
    """Operators that lie on a path from input to output; the others become ``NONE``."""
    on_path = np.zeros(ops.shape, bool)
    for path in PATHS:
        alive = (ops[:, path] != EdgeOp.NONE).all(axis=1)
        for edge in path:
            on_path[:, edge] |= alive
    return np.where(on_path, ops, EdgeOp.NONE)


def edge_features(ops: Ops) -> Array:
    """One-hot edges and one-hot pairs of edges: [n, 30 + 15 * 25]."""
    hot = np.eye(_OPS)[ops]
    pairs = [
        np.einsum("ni,nj->nij", hot[:, a], hot[:, b]).reshape(len(ops), -1)
        for a, b in itertools.combinations(range(len(EDGES)), 2)
    ]
    return np.hstack([hot.reshape(len(ops), -1), *pairs])


def path_features(ops: Ops) -> Array:
    """Counts along the paths of live operators, and what each path holds; not standardised."""
    ops = live_ops(ops)
    counts = np.stack([np.eye(_OPS)[ops[:, path]].sum(axis=1) for path in PATHS], axis=1)
    alive = counts[:, :, EdgeOp.NONE] == 0
    counts *= alive[:, :, None]
    convs = counts[:, :, _CONVS].sum(axis=2)
    totals = np.stack([(ops == op).sum(axis=1) for op in EdgeOp if op is not EdgeOp.NONE], axis=1)
    skips = alive & (counts.sum(axis=2) == counts[:, :, EdgeOp.SKIP])
    deepest = convs.max(axis=1)
    every_conv = np.isin(ops, _CONVS).sum(axis=1)
    columns = [
        alive.sum(axis=1)[:, None],
        totals,
        deepest[:, None],
        counts[:, :, EdgeOp.CONV_3X3].max(axis=1)[:, None],
        counts[:, :, 1:].sum(axis=1),
        skips.any(axis=1)[:, None],
        np.where(alive, convs, np.inf).min(axis=1, initial=3.0)[:, None],
        np.where(alive, counts[:, :, EdgeOp.POOL_3X3], np.inf).min(axis=1, initial=3.0)[:, None],
        (convs.sum(axis=1) / np.maximum(alive.sum(axis=1), 1))[:, None],
        deepest[:, None] == np.arange(4),
        every_conv[:, None] == np.arange(7),
        (ops == EdgeOp.CONV_3X3).sum(axis=1)[:, None] == np.arange(7),
        ~alive,
        counts[:, :, EdgeOp.POOL_3X3] > 0,
        convs > 0,
        counts[:, :, EdgeOp.CONV_3X3] > 0,
        skips,
    ]
    return np.hstack([np.asarray(column, np.float64) for column in columns])
