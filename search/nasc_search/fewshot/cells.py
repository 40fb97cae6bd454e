"""NAS-Bench-201 as a sum: a constant, operators by kind, and what an operator's edge changes.

Which operators ran is the larger question. Most of the known devices ran all that are not ``none``. raspi4 and pixel3
ran what the benchmark's conversion to TFLite left, and its rule can be read off their 15,625 latencies: with it, six
coefficients explain 98 % of raspi4's variance, without it 90 %.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.fewshot.basis import Basis, Reach
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import EDGES, EdgeOp
from nasc_search.spaces.nb201_order import benchmark_ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS: Final = tuple(op for op in EdgeOp if op is not EdgeOp.NONE)
_CONVOLUTIONS: Final = (EdgeOp.CONV_1X1, EdgeOp.CONV_3X3)
_INTO: Final = {node: [(e, s) for e, (s, t) in enumerate(EDGES) if t == node] for node in (1, 2, 3)}
_NAMES: Final = (
    "network",
    "cells that compute",
    *(f"{kind.name.lower()}" for kind in _KINDS),
    *(f"{kind.name.lower()} on {s}>{t}" for s, t in EDGES for kind in _KINDS),
)
_SPREAD: Final = np.array([0.03, 0.003, *[0.003] * 4, *[0.001] * 24])
_REACHES: Final = {Reach.EVERY: 0.7, Reach.CONVERTED: 0.25, Reach.LIVE: 0.05}
"""Of HW-NAS-Bench's four devices three ran converted models, of HELP's others none; those of BRP-NAS live ones."""
_CELLS: Final = 15
_MACS_1X1: Final = 16 * 16 * 32 * 32
"""The same in each stage: channels double when the sides halve."""
_MACS_REST: Final = 7_783_040
"""Stem, two residual reductions and classifier at 32x32x3."""


def converted(ops: tuple[int, ...]) -> tuple[bool, ...]:
    """Which edges' operators HW-NAS-Bench's TFLite models ran (read off raspi4 and pixel3, not documented).

    Operators that reach the output, none when the output does not depend on the input; and a dangling chain of
    single operators that ends in a convolution, when it is the only one.
    """
    ran, live, fed = [False] * len(EDGES), {3}, {0}
    for node in (3, 2, 1):
        for edge, source in _INTO[node] if node in live else ():
            if ops[edge] != EdgeOp.NONE:
                ran[edge] = True
                live.add(source)
    for edge, (source, node) in enumerate(EDGES):
        if source in fed and ops[edge] != EdgeOp.NONE:
            fed.add(node)
    if 3 not in fed:
        ran = [False] * len(EDGES)
    for edge in _dangling(ops, live):
        ran[edge] = True
    return tuple(ran)


def _dangling(ops: tuple[int, ...], live: set[int]) -> list[int]:
    """Edges of the only chain into a node that nothing reads; none where there are two, or where nodes are sums."""
    zero = {0: False}
    for node in (1, 2):
        zero[node] = all(_vanishes(ops[edge], zero[source]) for edge, source in _INTO[node])
    dead = [node for node in (1, 2) if node not in live and not zero[node]]
    if len(dead) == 2 and ops[EDGES.index((1, 2))] != EdgeOp.NONE:
        dead = [2]  # node 1 is read by node 2: one end
    chains = [_chain_into(end, ops, live, zero) for end in dead]
    ends = [chain for chain in chains if chain is None or _ends_in_convolution(chain, ops)]
    return ends[0] if len(ends) == 1 and ends[0] is not None else []


def _chain_into(node: int, ops: tuple[int, ...], live: set[int], zero: dict[int, bool]) -> list[int] | None:
    """Edges from a node back to what is live or zero; None when a node on the way is a sum."""
    chain = []
    while node and node not in live and not zero[node]:
        terms = [(edge, source) for edge, source in _INTO[node] if not _vanishes(ops[edge], zero[source])]
        if len(terms) != 1:
            return None
        edge, node = terms[0]
        chain.append(edge)
    return chain


def _ends_in_convolution(chain: list[int], ops: tuple[int, ...]) -> bool:
    operators = [edge for edge in chain if ops[edge] != EdgeOp.SKIP]
    return bool(operators) and ops[operators[0]] in _CONVOLUTIONS


def _vanishes(op: int, source_is_zero: bool) -> bool:
    return op == EdgeOp.NONE or (op == EdgeOp.SKIP and source_is_zero)


def _live(ops: tuple[int, ...]) -> tuple[bool, ...]:
    """Operators on a path from the input to the output."""
    fed, used = {0}, {3}
    for edge, (source, node) in enumerate(EDGES):
        if source in fed and ops[edge] != EdgeOp.NONE:
            fed.add(node)
    for node in (3, 2, 1):
        used |= {source for edge, source in _INTO[node] if node in used and ops[edge] != EdgeOp.NONE}
    return tuple(op != EdgeOp.NONE and s in fed and t in used for op, (s, t) in zip(ops, EDGES, strict=True))


@cache
def _running(reach: Reach) -> NDArray[np.bool_]:
    """[15625, 6] Operators that run, in the benchmark's order."""
    table = benchmark_ops()
    if reach is Reach.EVERY:
        return np.asarray(table != EdgeOp.NONE)
    rule = converted if reach is Reach.CONVERTED else _live
    return np.array([rule(tuple(ops)) for ops in table.tolist()])


@cache
def _features(reach: Reach) -> NDArray[np.float64]:
    ran, table = _running(reach), benchmark_ops()
    edges = np.stack([(table == kind) & ran for kind in _KINDS], axis=2).astype(np.float64)
    computes = (ran & (table != EdgeOp.SKIP)).any(axis=1)
    every = (np.ones(len(table)), computes, edges.sum(axis=1), edges.reshape(len(table), -1))
    return np.asarray(np.column_stack(every), np.float64)


def _macs(index: NDArray[np.int64]) -> NDArray[np.float64]:
    ops = benchmark_ops()[index]
    each = np.select([ops == EdgeOp.CONV_1X1, ops == EdgeOp.CONV_3X3], [_MACS_1X1, 9 * _MACS_1X1], 0)
    return np.asarray(_MACS_REST + _CELLS * each.sum(axis=1), np.float64)


def _work() -> NDArray[np.float64]:
    every = np.arange(len(benchmark_ops()))
    by_kind = {EdgeOp.CONV_1X1: _MACS_1X1, EdgeOp.CONV_3X3: 9 * _MACS_1X1}
    kinds = [_CELLS * by_kind.get(kind, 0) for kind in _KINDS]
    edges = np.zeros(len(EDGES) * len(_KINDS))
    return np.asarray(np.array([0.0, 0.0, *kinds, *edges]) / _macs(every).mean(), np.float64)


def _operators(index: NDArray[np.int64]) -> NDArray[np.float64]:
    ops = benchmark_ops()[index]
    return np.asarray(np.stack([(ops == kind).sum(axis=1) for kind in _KINDS], axis=1), np.float64)


CELL_BASIS: Final = Basis(
    space=SpaceName.NB201,
    names=_NAMES,
    spread=_SPREAD,
    work=_work(),
    reaches=_REACHES,
    features=lambda index, reach: _features(reach)[index],
    macs=_macs,
    operators=_operators,
)
