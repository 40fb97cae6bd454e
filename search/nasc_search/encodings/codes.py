"""Few-bit codes at a cut, in torch: as they are in training (rounded, with gradients passed on) and in evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.bundle import Quantization
from nasc_sdk.ir.network import Block

_CALIBRATED_ON: Final = 16
"""Images of a batch: they are many thousand values, and all of them would take as long as the forward pass."""
_CLIPPED: Final = tuple(np.linspace(1.0, 0.2, 17).tolist())


@dataclass(frozen=True, slots=True)
class CodedCut:
    """A :data:`nasc_search.supernet.forward.Crossing`: the output of one block becomes codes and real values again."""

    block: str
    """Name of the last block before the cut."""
    bits: int
    steps: Quantization
    """Of the codes, which are 0 to ``2^bits - 1``."""

    def __call__(self, block: Block, value: torch.Tensor) -> torch.Tensor:
        """Straight through: the gradient is that of the clipped value (Bengio et al. 2013, arXiv 1308.3432)."""
        if block.name != self.block:
            return value
        scale, zero_point = self.steps.scale, self.steps.zero_point
        clipped = value.clamp(-zero_point * scale, ((1 << self.bits) - 1 - zero_point) * scale)
        coded = torch.round(clipped / scale) * scale
        return clipped + (coded - clipped).detach()


@dataclass(frozen=True, slots=True)
class CalibratedCut:
    """The same with steps calibrated on the values that cross: in training, while they still change."""

    block: str
    """Name of the last block before the cut."""
    bits: int

    def __call__(self, block: Block, value: torch.Tensor) -> torch.Tensor:
        """As :class:`CodedCut`; steps are constants to the gradient."""
        if block.name != self.block:
            return value
        seen = value.detach()[:_CALIBRATED_ON].float().numpy()
        return CodedCut(self.block, self.bits, calibrated_codes(seen, self.bits))(block, value)


def calibrated_codes(values: NDArray[np.float32], bits: int) -> Quantization:
    """Steps of unsigned codes with the least squared error on ``values``, one scale for the tensor.

    Both ends of the range are drawn in together: at two bits the few largest values cost all others their resolution.
    """
    low, high, most = min(float(values.min()), 0.0), max(float(values.max()), 1e-6), (1 << bits) - 1

    def steps(share: float) -> Quantization:
        scale = max(share * (high - low), 1e-6) / most
        return Quantization(scale, int(np.clip(round(-share * low / scale), 0, most)))

    def error(found: Quantization) -> float:
        codes = np.clip(np.rint(values / found.scale) + found.zero_point, 0, most)
        return float(np.square((codes - found.zero_point) * found.scale - values).mean())

    return min(map(steps, _CLIPPED), key=error)
