"""Real packed cuts, and what entropy coding leaves of them: that depends on the image, so a high percentile counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from nasc_sdk import entropy
from nasc_sdk.candidate import BITS, INT8, CutEncoding, Entropy
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_search.encodings.codes import calibrated_codes
from nasc_search.export.quantize import QuantizedNetwork, quantize_array
from nasc_search.supernet.fold import FoldedNetwork

PERCENTILE: Final = 95.0
Shares = Mapping[tuple[int, int, Entropy], float]
"""By cut, bits and coding: share of the packed bytes that is sent, at ``PERCENTILE`` of the images."""


@dataclass(frozen=True, slots=True)
class PackedCut:
    """What a network sends without entropy coding, one payload an image."""

    cut: int
    bits: int
    payloads: tuple[bytes, ...]


def packed_cuts(
    folded: FoldedNetwork, quantized: QuantizedNetwork, images: torch.Tensor
) -> Iterator[PackedCut]:
    """Of every cut that sends something, without a bottleneck; int8 alone at cut 0."""
    network, inputs = folded.network, folded.block_inputs(images)
    for cut, block in enumerate(network.blocks):
        values, made = inputs[block.name], quantized.at_cut(cut)
        for bits in BITS if cut else (INT8.bits,):
            steps = made if bits == INT8.bits else calibrated_codes(values, bits)
            encoding = CutEncoding(bits)
            contract = Contract(cut, network.cut_spec(cut), steps.scale, steps.zero_point, folded.version, encoding)
            codec = CutCodec(contract)
            codes = codec.table(made.scale, made.zero_point)[quantize_array(values, made).astype(np.int64) + 128]
            yield PackedCut(cut, bits, tuple(codec.pack(sample) for sample in codes))


def some_payloads(folded: FoldedNetwork, quantized: QuantizedNetwork, image: torch.Tensor) -> tuple[bytes, ...]:
    """Of one image, the first and the last cut of each size: what devices time entropy coding on."""
    sizes: dict[int, list[bytes]] = {}
    for packed in packed_cuts(folded, quantized, image[:1]):
        sizes.setdefault(len(packed.payloads[0]), []).append(packed.payloads[0])
    return tuple(payload for same in sizes.values() for payload in dict.fromkeys((same[0], same[-1])))


def measure_shares(
    folded: FoldedNetwork, quantized: QuantizedNetwork, images: torch.Tensor,
    codings: Collection[Entropy] = entropy.EVERYWHERE,
) -> dict[tuple[int, int, Entropy], float]:  # fmt: skip
    """Measured on one network; other architectures of the space are taken to give as much."""
    return {
        (packed.cut, packed.bits, coding): _share(packed, coding)
        for packed in packed_cuts(folded, quantized, images)
        for coding in codings
        if coding is not Entropy.NONE
    }


def _share(packed: PackedCut, coding: Entropy) -> float:
    sizes = [len(entropy.compress(coding, payload)) / len(payload) for payload in packed.payloads]
    return float(np.percentile(sizes, PERCENTILE))
