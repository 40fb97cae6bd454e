"""Where TFLite's greedy planner places tensors: largest first, each at the lowest offset free while it lives."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Final

_ALIGNMENT: Final = 16

_Placed = tuple[int, int, int, int]
"""First byte, last byte, first step, last step."""


def aligned(size: int) -> int:
    """Bytes that a tensor of this size takes."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def placed_bytes(sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> int:
    """Size of the arena. Tensors are in the order they are written: aligned bytes, first and last step alive."""
    placed: list[_Placed] = []
    for number in sorted(range(len(sizes)), key=lambda number: (-sizes[number], number)):
        start = 0
        for low, high, born, dead in placed:
            if born <= last[number] and first[number] <= dead:
                if start + sizes[number] <= low:
                    break
                start = max(start, high)
        insort(placed, (start, start + sizes[number], first[number], last[number]))
    return max(high for _, high, _, _ in placed)
