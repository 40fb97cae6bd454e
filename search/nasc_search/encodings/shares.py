"""Real packed cuts, and what entropy coding leaves of them: that depends on the image, so a high percentile counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk import entropy
from nasc_sdk.bundle import Quantization
from nasc_sdk.candidate import BITS, INT8, CutEncoding, Entropy
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import Network, TensorSpec
from nasc_search.encodings.blocks import ENCODINGS, bottleneck_codes, encoder_block, fits
from nasc_search.encodings.codes import calibrated_codes
from nasc_search.export.quantize import QuantizedNetwork, quantize, quantize_array
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet

PERCENTILE: Final = 95.0
_NARROW: Final = tuple(code for code in ENCODINGS if code.bottleneck and code.entropy is Entropy.NONE)
Shares = Mapping[tuple[int, CutEncoding], float]
"""By cut and encoding, where that codes entropy: share of the packed bytes sent, at ``PERCENTILE`` of the images."""


@dataclass(frozen=True, slots=True)
class PackedCut:
    """What a network sends without entropy coding, one payload an image."""

    cut: int
    encoding: CutEncoding
    payloads: tuple[bytes, ...]


def packed_cuts(folded: FoldedNetwork, quantized: QuantizedNetwork, images: torch.Tensor) -> Iterator[PackedCut]:
    """Of every cut that sends something, without a bottleneck; int8 alone at cut 0."""
    network, inputs = folded.network, folded.block_inputs(images)
    for cut, block in enumerate(network.blocks):
        values, made = inputs[block.name], quantized.at_cut(cut)
        for bits in BITS if cut else (INT8.bits,):
            steps = made if bits == INT8.bits else calibrated_codes(values, bits)
            yield _packed(cut, network.cut_spec(cut), CutEncoding(bits), values, made, steps)


def narrowed_cuts(supernet: Supernet, folded: FoldedNetwork, images: torch.Tensor) -> Iterator[PackedCut]:
    """Behind each of a supernet's encoders, where it has any; of ``folded`` the blocks before a cut count alone."""
    if not supernet.encoded:
        return
    network, inputs = folded.network, folded.block_inputs(images)
    last = network.cuts[-1]
    for cut in range(1, last):
        spec = network.cut_spec(cut)
        before = torch.from_numpy(inputs[network.blocks[cut].name]).permute(0, 3, 1, 2)
        for code in (code for code in _NARROW if fits(code, cut, last, spec)):
            encoder = Network(network.arch, (encoder_block(cut, spec, code.bottleneck),))
            alone = FoldedNetwork(encoder, recalibrate(supernet, encoder, before))
            made = quantize(encoder, alone.weights, alone.ranges(before)).output
            values = alone(before).permute(0, 2, 3, 1).numpy()
            yield _packed(cut, encoder.output, code, values, made, bottleneck_codes(code.bits))


def _packed(
    cut: int, spec: TensorSpec, encoding: CutEncoding, values: NDArray[np.float32], made: Quantization,
    steps: Quantization,
) -> PackedCut:  # fmt: skip
    """``values`` (n, H, W, C) as a board sends them whose head gives int8 in steps ``made``."""
    codec = CutCodec(Contract(cut, spec, steps.scale, steps.zero_point, "", encoding))
    codes = codec.table(made.scale, made.zero_point)[quantize_array(values, made).astype(np.int64) + 128]
    return PackedCut(cut, encoding, tuple(codec.pack(sample) for sample in codes))


def some_payloads(folded: FoldedNetwork, quantized: QuantizedNetwork, image: torch.Tensor) -> tuple[bytes, ...]:
    """Of one image, the first and the last cut of each size: what devices time entropy coding on."""
    sizes: dict[int, list[bytes]] = {}
    for packed in packed_cuts(folded, quantized, image[:1]):
        sizes.setdefault(len(packed.payloads[0]), []).append(packed.payloads[0])
    return tuple(payload for same in sizes.values() for payload in dict.fromkeys((same[0], same[-1])))


def measure_shares(cuts: Iterable[PackedCut], codings: Collection[Entropy] = entropy.EVERYWHERE) -> Shares:
    """Measured on one network; other architectures of the space are taken to give as much."""
    return {
        (packed.cut, replace(packed.encoding, entropy=coding)): _share(packed, coding)
        for packed in cuts
        for coding in codings
        if coding is not Entropy.NONE
    }


def _share(packed: PackedCut, coding: Entropy) -> float:
    sizes = [len(entropy.compress(coding, payload)) / len(payload) for payload in packed.payloads]
    return float(np.percentile(sizes, PERCENTILE))
