"""NAS-Bench-201's cells and cuts as a problem: six edges, then the cut; latencies of all of them are known."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import live_ops, path_features
from nasc_search.algorithms.problem import Array, Points, Problem, Variable
from nasc_search.spaces.nb201 import EDGES, EdgeOp
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

CUT: Final = len(EDGES)
"""Place of the cut in a point."""
_NO_CANDIDATE: Final = 10.0
"""Violation of a cell without a path from input to output, or without a latency: at least eleven times the limit, and
worse than that of any other."""
_CEILING: Final = 1.01
_OPS: Final = len(EdgeOp)
_DIGITS: Final = _OPS ** np.arange(len(EDGES) - 1, -1, -1)


def violations(latency_ms: Array, limit_ms: float) -> Array:
    """[15625, cuts] ``(latency - limit) / limit`` of every cell, in the benchmark's order, at every cut.

    Cells without a path from input to output are no candidates, nor are those whose latency is NaN: not measured.
    Raises InputError: another shape, infinite or negative latencies, none at all, a limit that is not above 0.
    """
    if latency_ms.ndim != 2 or len(latency_ms) != CELLS or not latency_ms.shape[1]:
        raise InputError(f"latencies of shape {latency_ms.shape} are not {CELLS} cells at some cuts")
    wrong = np.flatnonzero((np.isinf(latency_ms) | (latency_ms < 0)).any(axis=1))
    if len(wrong):
        raise InputError(f"the latency of cell {wrong[0]} is infinite or negative")
    none = np.isnan(latency_ms) | (live_ops(benchmark_ops()) == EdgeOp.NONE).all(axis=1)[:, None]
    if none.all():
        raise InputError("no connected cell has a latency")
    if not limit_ms > 0:
        raise InputError(f"a latency limit is a positive number of milliseconds, not {limit_ms}")
    found = latency_ms / limit_ms - 1
    found[none] = max(_NO_CANDIDATE, 2 * float(found[~none].max()))
    return np.asarray(found, np.float64)


def cell_problem(cuts: int, known: Array | None = None) -> Problem:
    """Six edges and a cut that costs no accuracy; ``known`` as :func:`violations` gives them, where they are known."""
    variables = (
        *(Variable(f"edge {source}-{node}", _OPS) for source, node in EDGES),
        Variable("cut", cuts, in_objective=False),
    )

    def violation(points: Points) -> Array:
        assert known is not None
        return np.asarray(known[cells_of(points), points[:, CUT]], np.float64)

    return Problem(
        variables,
        violation=None if known is None else violation,
        canonical=_canonical,
        features=lambda points: path_features(points[:, :CUT]),
        ceiling=_CEILING,
    )


def cells_of(points: Points) -> Points:
    """[n] The benchmark's index of each point's cell."""
    return np.asarray(_places()[points[:, :CUT] @ _DIGITS], np.int64)


@cache
def _places() -> Points:
    """[15625] The benchmark's index of the cell whose operators are the digits of a number."""
    place = np.empty(CELLS, np.int64)
    place[benchmark_ops() @ _DIGITS] = np.arange(CELLS)
    return place


def _canonical(points: Points) -> Points:
    return np.hstack([live_ops(points[:, :CUT]), points[:, CUT:]])
