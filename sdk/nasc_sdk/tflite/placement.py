"""Where tensors are placed in an arena: TFLite's greedy planner, and orders that do better where it does badly.

A tensor takes aligned bytes from the step that writes it to the last that reads it; two that live at a common step
must not overlap.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

_ALIGNMENT: Final = 16
_CLOSE: Final = 1.02
"""Of the lower bound: no other order is tried."""
_ORDERS: Final = 200

_Placed = tuple[int, int, int, int]
"""First byte, last byte, first step, last step."""


def aligned(size: int) -> int:
    """Bytes that a tensor of this size takes."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def placed_bytes(sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> int:
    """Size of TFLite's arena: largest first, each at the lowest offset free while it lives.

    Tensors are in the order they are written: aligned bytes, first and last step alive.
    """
    offsets = _offsets(_largest_first(sizes), sizes, first, last)
    return max(offset + size for offset, size in zip(offsets, sizes, strict=True))


def place(sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """Offsets of the smallest arena found: TFLite's order first, then others as long as they may be better."""
    bound = _CLOSE * lower_bound(sizes, first, last)
    best: tuple[int, list[int]] | None = None
    for order in _orders(sizes, first, last):
        offsets = _offsets(order, sizes, first, last)
        peak = max(offset + size for offset, size in zip(offsets, sizes, strict=True))
        if best is None or peak < best[0]:
            best = peak, offsets
        if peak <= bound:
            break
    assert best is not None
    return best[1]


def lower_bound(sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> int:
    """Most bytes alive at one step: no placement needs less."""
    return max(
        sum(size for size, born, dead in zip(sizes, first, last, strict=True) if born <= step <= dead)
        for step in set(first)
    )


def _orders(sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> Iterator[list[int]]:
    numbers = range(len(sizes))
    yield _largest_first(sizes)
    yield sorted(numbers, key=lambda number: (-(last[number] - first[number]), -sizes[number]))
    yield sorted(numbers, key=lambda number: -sizes[number] * (1 + last[number] - first[number]))
    random = Random(0)
    for _ in range(_ORDERS):
        # Sizes blurred: mostly the largest first, with neighbours swapped.
        weight = [size * random.uniform(0.3, 1.0) for size in sizes]
        yield sorted(numbers, key=lambda number, weight=weight: -weight[number])  # type: ignore[misc] # bound now


def _largest_first(sizes: Sequence[int]) -> list[int]:
    return sorted(range(len(sizes)), key=lambda number: (-sizes[number], number))


def _offsets(order: Sequence[int], sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> list[int]:
    placed: list[_Placed] = []
    offsets = [0] * len(sizes)
    for number in order:
        start = 0
        for low, high, born, dead in placed:
            if born <= last[number] and first[number] <= dead:
                if start + sizes[number] <= low:
                    break
                start = max(start, high)
        offsets[number] = start
        insort(placed, (start, start + sizes[number], first[number], last[number]))
    return offsets
