"""What the kernels must give, after TFLite's reference kernels, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nasc_sdk.tflite.fixed_point import ADD_HEADROOM, Multiplier
from tests.firmware.kernels.cases import Case, Operator

Int = NDArray[np.int64]


def expected(case: Case) -> bytes:
    """The output's bytes."""
    steps = case.input.astype(np.int64)
    match case.operator:
        case Operator.CONVOLVE:
            sums = np.einsum("hwcij,oijc->hwo", _windows(case, steps - case.in_zero), case.weights.astype(np.int64))
            out = _scaled(case, sums + case.bias, case.multipliers)
        case Operator.CONVOLVE_DEPTHWISE:
            sums = np.einsum("hwcij,ijc->hwc", _windows(case, steps - case.in_zero), case.weights[0].astype(np.int64))
            out = _scaled(case, sums + case.bias, case.multipliers)
        case Operator.AVERAGE_POOL:
            out = _average(case, steps)
        case Operator.ADD:
            a, b = steps - case.in_zero, case.second.astype(np.int64) - case.second_zero
            first, second, last = (_multiplier(row) for row in case.multipliers)
            out = last.apply(first.apply(a << ADD_HEADROOM) + second.apply(b << ADD_HEADROOM)) + case.out_zero
        case Operator.RESCALE:
            out = _multiplier(case.multipliers[0]).apply(steps - case.in_zero) + case.out_zero
        case Operator.PAD:
            return (_padded(case, steps - case.in_zero) + case.in_zero).astype(np.int8).tobytes()
    return np.clip(out, case.low, case.high).astype(np.int8).tobytes()


def _multiplier(row: Int) -> Multiplier:
    return Multiplier(row[..., 0], row[..., 1])


def _scaled(case: Case, sums: Int, multipliers: Int) -> Int:
    return _multiplier(multipliers).apply(sums) + case.out_zero


def _padded(case: Case, image: Int) -> Int:
    """Zeros before and after, as far as the windows reach."""
    window = case.window
    after = [
        max((window.output[axis] - 1) * window.stride[axis] + window.kernel[axis] - window.pad[axis] - size, 0)
        for axis, size in enumerate(window.input[:2])
    ]
    return np.pad(image, ((window.pad[0], after[0]), (window.pad[1], after[1]), (0, 0)))


def _windows(case: Case, image: Int) -> Int:
    """(out_height, out_width, channels, kernel_height, kernel_width)."""
    window = case.window
    view = sliding_window_view(_padded(case, image), window.kernel, (0, 1))[:: window.stride[0], :: window.stride[1]]
    return view[: window.output[0], : window.output[1]]


def _average(case: Case, steps: Int) -> Int:
    total = _windows(case, steps).sum((-2, -1))
    count = _windows(case, np.ones_like(steps)).sum((-2, -1))
    magnitude = (np.abs(total) + count // 2) // count
    return np.where(total > 0, magnitude, -magnitude)
