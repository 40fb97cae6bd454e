"""What to measure: which blocks and which whole heads tell most about a device.

``Coverage.EVERY`` times each latency-distinct block. ``Coverage.SMALL`` chooses real blocks one by one so
that the determinant of the information matrix grows most (D-optimal): that takes every operator at every
shape, alone and in numbers, and leaves the rest to the additive model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.features import join_blocks, parse_block, parse_op
from nasc_sdk.ir.network import BlockKind
from nasc_search.joint.catalogue import Catalogue

_RANDOM_SHARE: Final = 0.25
"""Of a small design: blocks of the middle, where the search will mostly be, to see what the sum misses."""
_RIDGE: Final = 1e-3
_SEARCHED: Final = tuple(f"{kind}|" for kind in (BlockKind.CELL, BlockKind.INVERTED_RESIDUAL))
"""Of these there are many; of all others each is timed."""


class Coverage(StrEnum):
    """How much of the space is timed."""

    SMALL = "small"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class DesignBlock:
    """Measure this block of this architecture, under this key."""

    arch: str
    index: int
    key: str


@dataclass(frozen=True, slots=True)
class DesignHead:
    """Measure all blocks before (board) or after (server) this cut as one model, under its key."""

    arch: str
    cut: int
    head_key: str
    tail_key: str


@dataclass(frozen=True, slots=True)
class Design:
    """A plan in names; ``distinct`` is the number of blocks that the whole space holds."""

    blocks: tuple[DesignBlock, ...]
    heads: tuple[DesignHead, ...]
    distinct: int


def profile_design(
    catalogue: Catalogue,
    seed: int,
    coverage: Coverage = Coverage.EVERY,
    small_blocks: int = 56,
    heads: int = 12,
) -> Design:
    """Blocks and whole heads to profile; deterministic in ``seed``. Blocks without operators are left out."""
    rng = np.random.default_rng(seed)
    timed = [row for row, key in enumerate(catalogue.block_keys) if parse_block(key)[1]]
    if coverage is Coverage.SMALL:
        timed = _informative(catalogue, timed, small_blocks, rng)
    places = catalogue.first_places()
    blocks = tuple(DesignBlock(*places[row], catalogue.block_keys[row]) for row in timed)
    return Design(blocks, _heads(catalogue, heads, rng), len(catalogue.block_keys))


def _heads(catalogue: Catalogue, count: int, rng: np.random.Generator) -> tuple[DesignHead, ...]:
    """Random architectures, cuts spread evenly over the network: short and long heads."""
    blocks = catalogue.block_of.shape[1]
    rows = rng.choice(len(catalogue.archs), size=min(count, len(catalogue.archs)), replace=False)
    cuts = np.linspace(2, blocks, num=len(rows)).round().astype(int)
    chosen = []
    for row, cut in zip(rows.tolist(), rng.permutation(np.clip(cuts, 1, blocks)).tolist(), strict=True):
        keys = [catalogue.block_keys[number] for number in catalogue.block_of[row].tolist()]
        # A head of everything has no tail; the server then measures the whole network.
        tail = keys[cut:] if cut < blocks else keys
        chosen.append(DesignHead(catalogue.archs[row], cut, join_blocks(keys[:cut]), join_blocks(tail)))
    return tuple(chosen)


def _informative(catalogue: Catalogue, rows: list[int], count: int, rng: np.random.Generator) -> list[int]:
    """Greedy D-optimal choice in relative errors, then random blocks for the rest."""
    features = _relative_features(catalogue, rows)
    singles = [at for at, row in enumerate(rows) if not catalogue.block_keys[row].startswith(_SEARCHED)]
    chosen = list(singles)
    inverse = np.linalg.inv(features[chosen].T @ features[chosen] + _RIDGE * np.eye(features.shape[1]))
    greedy = max(count - round(_RANDOM_SHARE * count) - len(chosen), 0)
    for _ in range(min(greedy, len(rows) - len(chosen))):
        gain = np.einsum("ij,jk,ik->i", features, inverse, features)
        gain[chosen] = -1.0
        best = int(np.argmax(gain))
        chosen.append(best)
        step = inverse @ features[best]
        inverse -= np.outer(step, step) / (1.0 + features[best] @ step)
    rest = np.setdiff1d(np.arange(len(rows)), chosen)
    extra = min(max(count - len(chosen), 0), len(rest))
    chosen += rng.choice(rest, size=extra, replace=False).tolist()
    return [rows[at] for at in sorted(chosen)]


def _relative_features(catalogue: Catalogue, rows: list[int]) -> NDArray[np.float64]:
    """Each operator's share of its block's work, and the invocation: what a relative error sees."""
    blocks = [parse_block(catalogue.block_keys[row])[1] for row in rows]
    column = {op: at for at, op in enumerate(sorted({op for block in blocks for op in block}))}
    work = np.zeros((len(rows), len(column) + 1))
    for at, block in enumerate(blocks):
        for op, number in block.items():
            parsed = parse_op(op)
            work[at, column[op]] = number * (parsed.macs + parsed.bytes_moved)
    work[:, -1] = work.sum(axis=1).min()
    return np.asarray(work / work.sum(axis=1, keepdims=True), np.float64)
