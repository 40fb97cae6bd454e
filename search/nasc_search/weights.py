"""What the supernet hands to the exporter: folded weights and observed ranges of one sub-network, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Weights of one operator with its batch norm folded in."""

    weight: NDArray[np.float32]
    """CONV: (out, in, k, k); DEPTHWISE: (channels, 1, k, k); DENSE: (out, in)."""
    bias: NDArray[np.float32]
    """(out,)"""


FoldedWeights = Mapping[str, LayerWeights]
"""``Op.param`` -> weights."""

TensorRanges = Mapping[tuple[str, str], tuple[float, float]]
"""(block name, tensor name) -> smallest and largest value seen on calibration images, fused activation applied.

The input tensor of a block and the output tensor of the block before it carry the same range.
"""
