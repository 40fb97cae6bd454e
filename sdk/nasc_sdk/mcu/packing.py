"""Weights in the order that each kernel set of the firmware reads them, and the scratch memory it needs.

The other half of nasc_firmware/src/kernels: a change there is a change here, and the kernels' tests hold the two
together.
"""

from __future__ import annotations

from enum import IntEnum
from math import prod
from typing import TYPE_CHECKING, assert_never

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nasc_sdk.mcu.plan import Window

Weights = NDArray[np.int8]

_MVE_LANES = 16
_MVE_BLOCK = 4


class Packing(IntEnum):
    """``NASC_PACKING_...`` of kernels.h; the numbers are in plans."""

    PLAIN = 0
    """Any core."""
    DSP = 1
    """Armv7E-M: Cortex-M4, M7, M33."""
    MVE = 2
    """Armv8.1-M: Cortex-M55."""


def fold_bias(weights: Weights, bias: NDArray[np.int32], in_zero: int) -> NDArray[np.int32]:
    """(out,) bias - in_zero * sum(weights): what lets kernels multiply stored steps as they are.

    weights: (out, height, width, in), or depthwise (1, height, width, out).
    """
    depthwise = weights.shape[0] != bias.shape[0]
    sums = weights.astype(np.int64).sum((0, 1, 2) if depthwise else (1, 2, 3))
    return np.asarray(bias - in_zero * sums, np.int32)


def pack_convolution(weights: Weights, packing: Packing) -> bytes:
    """From (out, height, width, in)."""
    rows = weights.reshape(weights.shape[0], -1)
    match packing:
        case Packing.PLAIN:
            return rows.tobytes()
        case Packing.DSP:
            return _interleave_pairs(rows)
        case Packing.MVE:
            whole = len(rows) - len(rows) % _MVE_BLOCK
            blocks = [_interleave_block(rows[at : at + _MVE_BLOCK]) for at in range(0, whole, _MVE_BLOCK)]
            return b"".join([*blocks, rows[whole:].tobytes()])
        case _:
            assert_never(packing)


def pack_depthwise(weights: Weights, packing: Packing) -> bytes:
    """From (1, height, width, channels)."""
    match packing:
        case Packing.PLAIN | Packing.MVE:
            return weights.tobytes()
        case Packing.DSP:
            return np.ascontiguousarray(weights[0].transpose(2, 0, 1)).tobytes()
        case _:
            assert_never(packing)


def convolution_scratch_bytes(window: Window, packing: Packing) -> int:
    """What ``nasc_convolve`` writes to at most."""
    steps, pixels = _steps(window), min(2, prod(window.output[:2]))
    match packing:
        case Packing.PLAIN | Packing.MVE:
            return 0 if _is_contiguous(window) else pixels * steps
        case Packing.DSP:
            padded = _round_up(steps, 4)
            return 2 * pixels * padded + (padded if window.input[2] % 4 else 0)
        case _:
            assert_never(packing)


def depthwise_scratch_bytes(window: Window, packing: Packing) -> int:
    """What ``nasc_convolve_depthwise`` writes to at most."""
    match packing:
        case Packing.PLAIN | Packing.MVE:
            return 0 if _stays_inside(window) else _steps(window)
        case Packing.DSP:
            height, width = window.kernel
            sums = _round_up(window.output[1], 2)
            words = width // 2 + 1
            row = (sums - 1) * window.stride[1] // 2 + words
            return 4 * (sums + 4 * height * (2 * words + row))
        case _:
            assert_never(packing)


def _steps(window: Window) -> int:
    """Input values under one window."""
    return prod(window.kernel) * window.input[2]


def _stays_inside(window: Window) -> bool:
    """Whether no window reaches over a border."""
    return not any(window.pad) and all(
        (window.output[axis] - 1) * window.stride[axis] + window.kernel[axis] <= window.input[axis] for axis in (0, 1)
    )


def _is_contiguous(window: Window) -> bool:
    """Whether what each window sees is one run of the input's bytes."""
    return _stays_inside(window) and (window.kernel[0] == 1 or window.kernel[1] == window.input[1])


def _interleave_pairs(rows: Weights) -> bytes:
    """(out, steps) to words of four steps, of channels 0 and 1 in turn, then 2 and 3; filled up with zeros."""
    padded = np.zeros((_round_up(rows.shape[0], 2), _round_up(rows.shape[1], 4)), np.int8)
    padded[: rows.shape[0], : rows.shape[1]] = rows
    return padded.reshape(len(padded) // 2, 2, -1, 4).transpose(0, 2, 1, 3).tobytes()


def _interleave_block(rows: Weights) -> bytes:
    """(4, steps): sixteen steps of each channel in turn, then the rest of each."""
    whole = rows.shape[1] - rows.shape[1] % _MVE_LANES
    chunks = rows[:, :whole].reshape(len(rows), -1, _MVE_LANES).transpose(1, 0, 2)
    return chunks.tobytes() + rows[:, whole:].tobytes()


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
