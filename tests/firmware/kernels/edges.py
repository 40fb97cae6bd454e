"""Cases of ADD, RESCALE and AVERAGE_POOL around the counts that kernels treat apart, and at the ends of ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nasc_sdk.mcu.plan import Window
from tests.firmware.kernels.cases import Case, Operator
from tests.firmware.kernels.draw import flat

_COUNTS = (1, 3, 4, 5, 15, 16, 17, 95, 96, 97, 255, 256, 257, 511, 512, 513, 1001)
"""Around words, vectors and where a table begins to pay."""
_HALF = (1 << 30, 0)
_MOST = (1 << 31) - 1
_LIMITS = ((-128, 127), (-128, 126), (-127, 127), (0, 127), (-128, -1), (17, 17))
_ZEROS = (-128, 127, 0, -3)

Scale = tuple[int, int]


def edges(seed: int) -> list[Case]:
    """Every count with every kind of scale, in turn; then all pairs of steps."""
    random = np.random.default_rng(seed)
    return [*_rescales(random), *_adds(random), *_all_pairs(random), *_pools(random)]


def _rescales(random: np.random.Generator) -> Iterator[Case]:
    shifts = (-31, -11, -10, -9, -1, 0, 1, 8, 22)
    scales = [(multiplier, shift) for multiplier in (0, 1, 1 << 30, 1_518_500_250, _MOST) for shift in shifts]
    for number, scale in enumerate(scales):
        for count in (_COUNTS[number % len(_COUNTS)], 256):
            yield _case(random, Operator.RESCALE, number, count, [scale])


def _adds(random: np.random.Generator) -> Iterator[Case]:
    odd = int(random.integers(1 << 30, 1 << 31))
    operands = [
        (_HALF, _HALF), (_HALF, (odd, -1)), ((odd, -1), _HALF), ((_MOST, -31), _HALF), (_HALF, (0, 0)),
        ((odd, 0), (odd, 0)), ((odd, -1), (_MOST, -2)), ((1 << 30, -3), (odd, 0)), ((odd, 1), (odd, -1)),
        (_HALF, (1 << 30, -20)), (_HALF, (_MOST, 0)),
    ]  # fmt: skip
    shifts = (-18, -1, -14, -15, -22, -23, -31, 0, -19, 1, -20)
    for number, (first, second) in enumerate(operands):
        for place, shift in enumerate(shifts):
            count = _COUNTS[(number + 3 * place) % len(_COUNTS)]
            last = ((1 << 30, odd, _MOST)[place % 3], min(shift, 0) if first[1] > 0 else shift)
            yield _case(random, Operator.ADD, number + place, count, [first, second, last], second_count=count)
        for last in ((odd, -22), (_MOST, -23), (1500, 0)):  # a multiplier so small is none of TFLite's, but allowed
            yield _case(random, Operator.ADD, number, 777, [first, second, last], second_count=777)
        for count in (5, 300, 777):
            yield _case(random, Operator.ADD, number, count, [first, second, (odd, -19)], second_count=1)


def _all_pairs(random: np.random.Generator) -> Iterator[Case]:
    steps = np.arange(-128, 128, dtype=np.int8)
    first, second = np.repeat(steps, 256), np.tile(steps, 256)
    odd, half = int(random.integers(1 << 30, 1 << 31)), 1 << 30
    # Of the last, ties of an operand decide ties of the sum.
    pairs = (((odd, 0), (odd, -17)), ((half, -1), (half, -18)), ((odd, -2), (odd, -19)), ((half, -20), (half, -19)))
    for number, (second_scale, last) in enumerate(pairs):
        yield Case(
            Operator.ADD, flat(first.size), first, second=second,
            multipliers=np.array([_HALF, second_scale, last], np.int64), in_zero=-3, second_zero=number, out_zero=5,
        )  # fmt: skip


def _case(
    random: np.random.Generator, operator: Operator, number: int, count: int, scales: Sequence[Scale],
    second_count: int = 0,
) -> Case:  # fmt: skip
    low, high = _LIMITS[number % len(_LIMITS)]
    return Case(
        operator, flat(count), random.permutation(np.resize(np.arange(-128, 128), count)).astype(np.int8),
        second=random.integers(-128, 128, second_count).astype(np.int8),
        multipliers=np.array(scales, np.int64),
        in_zero=_ZEROS[number % 4], second_zero=_ZEROS[number // 4 % 4], out_zero=_ZEROS[number % 3],
        low=low, high=high,
    )  # fmt: skip


def _pools(random: np.random.Generator) -> Iterator[Case]:
    """Up to the most taps that are summed by words, and beyond; all channels at an end, and ties."""
    kernels = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 4), (7, 7), (13, 13), (12, 15), (1, 181), (14, 13), (15, 17))
    for number, (height, width) in enumerate(kernels):
        for channels in (3, 4, 5, 8):
            window = Window((height + 1, width + 2, channels), (2, 3, channels), (height, width))
            low, high = _LIMITS[(number + channels) % 2]
            extreme = np.full(window.input, random.choice([-128, 127]), np.int8)
            for steps in (extreme, random.integers(-2, 2, window.input).astype(np.int8)):
                yield Case(Operator.AVERAGE_POOL, window, steps, low=low, high=high)
