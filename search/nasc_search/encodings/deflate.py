"""How much of a cut deflating leaves, measured: its bytes depend on the image, so a high percentile of them counts."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.candidate import BITS, INT8, CutEncoding
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_sdk.entropy import ZLIB_LEVEL
from nasc_search.encodings.codes import calibrated_codes
from nasc_search.export.quantize import QuantizedNetwork, quantize_array
from nasc_search.supernet.fold import FoldedNetwork

PERCENTILE: Final = 95.0


def deflated_shares(
    folded: FoldedNetwork, quantized: QuantizedNetwork, images: torch.Tensor
) -> dict[tuple[int, int], float]:
    """By (cut, bits): share of the packed bytes of a cut that deflating leaves, at ``PERCENTILE`` of the images.

    Measured on one network; other architectures of the space are taken to give as much.
    """
    network, shares = folded.network, dict[tuple[int, int], float]()
    inputs = folded.block_inputs(images)
    for cut, block in enumerate(network.blocks):
        values, made = inputs[block.name], quantized.at_cut(cut)
        for bits in BITS if cut else (INT8.bits,):
            steps = made if bits == INT8.bits else calibrated_codes(values, bits)
            encoding = CutEncoding(bits)
            contract = Contract(cut, network.cut_spec(cut), steps.scale, steps.zero_point, folded.version, encoding)
            codec = CutCodec(contract)
            codes = codec.table(made.scale, made.zero_point)[quantize_array(values, made).astype(np.int64) + 128]
            shares[cut, bits] = _share(codec, codes)
    return shares


def _share(codec: CutCodec, codes: NDArray[np.uint8]) -> float:
    packed = [codec.pack(sample) for sample in codes]
    sizes = [len(zlib.compress(data, ZLIB_LEVEL)) / len(data) for data in packed]
    return float(np.percentile(sizes, PERCENTILE))
