"""Placing tensors: nothing alive at once overlaps, and hardly any byte is wasted."""

from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.tflite.placement import aligned, lower_bound, place, placed_bytes


def random_lives(seed, count=40):
    rng = np.random.default_rng(seed)
    first = sorted(rng.integers(-1, count, count).tolist())
    last = [min(born + int(rng.integers(0, 6)), count) for born in first]
    return [aligned(int(size)) for size in rng.integers(1, 5000, count)], first, last


def peak(offsets, sizes):
    return max(offset + size for offset, size in zip(offsets, sizes, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_tensors_alive_together_do_not_overlap(seed):
    sizes, first, last = random_lives(seed)
    offsets = place(sizes, first, last)
    for one in range(len(sizes)):
        for other in range(one):
            together = first[one] <= last[other] and first[other] <= last[one]
            apart = offsets[one] + sizes[one] <= offsets[other] or offsets[other] + sizes[other] <= offsets[one]
            assert apart or not together
    assert all(offset % 16 == 0 for offset in offsets)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_never_worse_than_tflite_and_never_below_the_bound(seed):
    lives = random_lives(seed)
    found = peak(place(*lives), lives[0])
    assert lower_bound(*lives) <= found <= placed_bytes(*lives)


def test_where_the_largest_first_wastes_another_order_is_found():
    # 48 and 32 bytes never meet, but the chain between them keeps the greedy order from giving both offset 0.
    sizes, first, last = [32, 48, 32, 64], [0, 1, 2, 3], [1, 2, 3, 3]
    assert placed_bytes(sizes, first, last) >= peak(place(sizes, first, last), sizes) == lower_bound(sizes, first, last)


def test_one_tensor():
    assert place([16], [0], [0]) == [0]
    assert lower_bound([16], [0], [0]) == 16
