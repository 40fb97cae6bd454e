"""Sliding windows over NHWC arrays, shared by the two numpy references."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def pad(x: NDArray[Scalar], margin: int) -> NDArray[Scalar]:
    """Zeros around height and width."""
    return np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0))) if margin else x


def windows(x: NDArray[Scalar], kernel: tuple[int, int], stride: int) -> NDArray[Scalar]:
    """(n, out_height, out_width, channels, kernel_height, kernel_width) view without padding."""
    rows = sliding_window_view(x, kernel[0], 1)
    return sliding_window_view(rows, kernel[1], 2)[:, ::stride, ::stride]


def convolve(x: NDArray[np.float64], weight: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """Convolution of NHWC by (out, height, width, in) without padding."""
    out, height, width, _ = weight.shape
    view = windows(x, (height, width), stride)
    columns = view.transpose(0, 1, 2, 4, 5, 3).reshape(*view.shape[:3], -1)
    return np.asarray(columns @ weight.reshape(out, -1).T)


def convolve_depthwise(
    x: NDArray[np.float64], weight: NDArray[np.float64], stride: int
) -> NDArray[np.float64]:
    """Depthwise convolution of NHWC by (1, height, width, channels) without padding."""
    view = windows(x, (weight.shape[1], weight.shape[2]), stride)
    return np.asarray(np.einsum("nhwcij,ijc->nhwc", view, weight[0]))
