"""XNNPACK's rounding of int8 results: one float32 multiplier a channel, or one shift for an addition.

After ``xnn_init_qs8_qc8w_conv_minmax_fp32_*`` and ``xnn_init_qs8_add_minmax_*`` of XNNPACK's
microparams-init.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]
_ADD_BITS = 20


def requantize(
    total: Int, input_scale: float, weight_scales: NDArray[np.float32], output_scale: float
) -> Int:
    """Sums of a convolution in steps of the output, per channel; ties to even."""
    multiplier = np.float32(input_scale) * weight_scales / np.float32(output_scale)
    return np.rint(total.astype(np.float32) * multiplier).astype(np.int64)


def add(first: tuple[Int, float], second: tuple[Int, float], output_scale: float) -> Int:
    """Multipliers of 21 bits for both (steps, scale), one common shift; ties upwards."""
    ratios = [np.float32(scale) / np.float32(output_scale) for _, scale in (first, second)]
    shift = _ADD_BITS - (int(np.frexp(max(ratios))[1]) - 1)
    a, b = (int(np.rint(np.ldexp(ratio, shift))) for ratio in ratios)
    return np.asarray((first[0] * a + second[0] * b + (1 << (shift - 1))) >> shift)
