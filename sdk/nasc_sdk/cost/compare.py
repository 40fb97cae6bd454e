"""Whether a device's blocks moved between two cost models, or whether that is noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from nasc_sdk.cost.table import CostDocument
from nasc_sdk.errors import InputError

_FALSE_ALARM: Final = 0.05
"""Probability that any block of an unchanged device is called moved, whatever the number of blocks."""
_CONDITIONS: Final = ("runtime", "kernels", "threads", "machine", "processor", "governor", "time_source", "unit")


@dataclass(frozen=True, slots=True)
class Move:
    """One block in both models; microseconds."""

    key: str
    operators: str
    before_us: float
    after_us: float
    noise_us: float
    """How far two unchanged measurements of it may differ, all blocks considered."""
    moved: bool

    @property
    def change(self) -> float:
        """Relative to before."""
        return self.after_us / self.before_us - 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All common blocks, the largest change first."""

    moves: tuple[Move, ...]
    conditions: tuple[str, ...]
    """Conditions that differ, as ``name: before -> after``."""
    only_before: int
    only_after: int

    @property
    def moved(self) -> tuple[Move, ...]:
        """Blocks that moved by more than noise and more than was tolerated."""
        return tuple(move for move in self.moves if move.moved)


def compare(before: CostDocument, after: CostDocument, tolerance: float = 0.05) -> Comparison:
    """Hold every common block's change against both models' errors; InputError when they share no block.

    A change counts when it is larger than ``tolerance`` (a share) and than noise: the bound is Sidak's for the number
    of blocks, so that a device that did not change raises an alarm once in twenty comparisons.
    """
    if not (0 <= tolerance < math.inf):
        raise InputError(f"a tolerance is a share of 0 or more, not {tolerance}")
    old = {row.key: row for row in before.blocks}
    new = {row.key: row for row in after.blocks}
    common = [key for key in old if key in new]
    if not common:
        raise InputError("the two cost models have no block in common: they are of different search spaces")
    z = NormalDist().inv_cdf(0.5 + 0.5 * (1 - _FALSE_ALARM) ** (1 / len(common)))
    moves = []
    for key in common:
        a, b = old[key], new[key]
        noise = z * math.hypot(a.error_us, b.error_us)
        change = abs(b.us - a.us)
        moved = change > noise and change > tolerance * a.us
        moves.append(Move(key, a.operators, a.us, b.us, noise, moved))
    moves.sort(key=lambda move: (not move.moved, -abs(move.after_us - move.before_us)))
    return Comparison(tuple(moves), _differing(before, after), len(old) - len(common), len(new) - len(common))


def _differing(before: CostDocument, after: CostDocument) -> tuple[str, ...]:
    a, b = before.model.conditions, after.model.conditions
    pairs = ((name, getattr(a, name), getattr(b, name)) for name in _CONDITIONS)
    return tuple(f"{name}: {old} -> {new}" for name, old, new in pairs if old != new)
