"""What the supernet hands to the exporter: folded weights and observed ranges of one sub-network, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.ir.network import Op


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Weights of one operator with its batch norm folded in."""

    weight: NDArray[np.float32]
    """CONV: (out, in / groups, k, k); DEPTHWISE: (channels, 1, k, k); DENSE: (out, in)."""
    bias: NDArray[np.float32]
    """(out,)"""


FoldedWeights = Mapping[str, LayerWeights]
"""``Op.param`` -> weights."""

TensorRanges = Mapping[tuple[str, str], tuple[float, float]]
"""(block name, tensor name) -> smallest and largest value seen on calibration images, fused activation applied.

The input tensor of a block and the output tensor of the block before it carry the same range.
"""


def group_of(op: Op) -> NDArray[np.int64]:
    """[out] The group of input channels that each output channel of a CONV reads."""
    out = np.arange(op.spec.channels)
    return out % op.groups if op.shuffled else out * op.groups // op.spec.channels


def group_mask(op: Op, channels: int) -> NDArray[np.bool_]:
    """[out, in] True where an output channel of a CONV reads an input channel; ``channels`` is how many there are."""
    return np.asarray(group_of(op)[:, None] == np.arange(channels) * op.groups // channels)
