"""TFLite's integer arithmetic on int64 arrays: multipliers of 31 bits and a shift, rounded twice.

After ``MultiplyByQuantizedMultiplier`` of tensorflow/lite/kernels/internal/common.h and gemmlowp's
fixedpoint.h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1


ADD_HEADROOM = 20


def requantize(
    total: Int, input_scale: float, weight_scales: NDArray[np.float32], output_scale: float
) -> Int:
    """Sums of a convolution in steps of the output, per channel."""
    return Multiplier.of(input_scale * weight_scales.astype(np.float64) / output_scale).apply(total)


def add(first: tuple[Int, float], second: tuple[Int, float], output_scale: float) -> Int:
    """Both (steps, scale) get 20 more bits and twice the larger scale; their sum gets the output's."""
    common = 2 * max(first[1], second[1])
    a, b = (Multiplier.of(scale / common).apply(x << ADD_HEADROOM) for x, scale in (first, second))
    return Multiplier.of(common / ((1 << ADD_HEADROOM) * output_scale)).apply(a + b)


@dataclass(frozen=True, slots=True, eq=False)
class Multiplier:
    """real = mantissa / 2^31 * 2^shift; arrays broadcast over the last axis (channels)."""

    mantissa: Int
    shift: Int

    @classmethod
    def of(cls, real: NDArray[np.float64] | float) -> Multiplier:
        """``QuantizeMultiplier``: below 2^-31 the multiplier is zero."""
        fraction, exponent = np.frexp(np.asarray(real, np.float64))
        mantissa = np.floor(fraction * (1 << 31) + 0.5).astype(np.int64)
        shift = exponent.astype(np.int64)
        overflow = mantissa == 1 << 31
        mantissa, shift = np.where(overflow, mantissa // 2, mantissa), np.where(overflow, shift + 1, shift)
        tiny = shift < -31
        return cls(np.where(tiny, 0, mantissa), np.where(tiny, 0, shift))

    def apply(self, x: Int) -> Int:
        """``MultiplyByQuantizedMultiplier``."""
        left, right = np.maximum(self.shift, 0), np.maximum(-self.shift, 0)
        return rounding_divide_by_power(doubling_high_multiply(x << left, self.mantissa), right)


def doubling_high_multiply(a: Int, b: Int) -> Int:
    """``SaturatingRoundingDoublingHighMul``: a * b / 2^31, rounded to nearest."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # C++ division truncates towards zero, numpy's shift rounds down.
    quotient = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.clip(quotient, _INT32_MIN, _INT32_MAX)


def rounding_divide_by_power(x: Int, exponent: Int) -> Int:
    """``RoundingDivideByPOT``: x / 2^exponent, ties away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)
