from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nasc_sdk.tflite.fixed_point import Multiplier, rounding_divide_by_power


@given(st.floats(2.0**-20, 2.0**8), st.integers(-(1 << 22), 1 << 22))
def test_a_multiplier_multiplies_to_within_rounding(real, x):
    result = int(Multiplier.of(real).apply(np.array(x)))
    assert abs(result - x * real) <= 1 + abs(x * real) * 2.0**-29


def test_multipliers_too_small_are_zero():
    assert int(Multiplier.of(2.0**-40).apply(np.array(1 << 30))) == 0


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, 31))
def test_division_rounds_ties_away_from_zero(x, exponent):
    magnitude = (2 * abs(x) + (1 << exponent)) >> (exponent + 1)
    expected = magnitude if x >= 0 else -magnitude
    assert int(rounding_divide_by_power(np.array(x), np.array(exponent))) == expected
