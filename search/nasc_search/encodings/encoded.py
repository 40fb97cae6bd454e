"""EncodedNetwork: a sub-network with everything that its head, its tail and their contract are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

from nasc_sdk.bundle import Quantization
from nasc_sdk.candidate import BITS, CutEncoding
from nasc_sdk.contract import Contract
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, Network
from nasc_search.encodings.blocks import BOTTLENECKS, bottleneck_codes, fits, narrowed
from nasc_search.encodings.codes import CodedCut, calibrated_codes
from nasc_search.export.quantize import QuantizedNetwork, quantize
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet

_CODE_IMAGES: Final = 256
"""Images that few-bit codes are calibrated on, where no encoder fixes them."""


@dataclass(frozen=True, slots=True)
class EncodedNetwork:
    """A network cut between ``network.head(place)`` and ``network.tail(place)``."""

    cut: int
    """Of the architecture, encoder and decoder not counted."""
    last: int
    """The architecture's last cut."""
    network: Network
    """With encoder and decoder around the cut, where there are any."""
    folded: FoldedNetwork
    """What is evaluated: the cut's codes are rounded in it."""
    quantized: QuantizedNetwork
    contract: Contract

    @property
    def place(self) -> int:
        """Of the cut within ``network``."""
        return self.cut + bool(self.contract.encoding.bottleneck)

    @property
    def made(self) -> Quantization:
        """Steps of the head's int8 output, which codes are made from."""
        return self.quantized.at_cut(self.place)


def encoded_float(
    supernet: Supernet, network: Network, cut: int, encoding: CutEncoding, images: torch.Tensor
) -> tuple[FoldedNetwork, Quantization]:
    """The float network, few-bit codes rounded in it, and the codes' steps; for what loses accuracy only.

    Batch norm of what follows the cut is calibrated on ``images`` (n, C, H, W), normalised, as the codes leave them.
    InputError when the encoding does not exist at the cut, or the supernet has no encoder for it.
    """
    _check(network, cut, encoding)
    if encoding.bottleneck and not supernet.encoded:
        raise InputError(f"{encoding}: this supernet was trained without encoders (nasc-sdk train encoders)")
    if encoding.bottleneck:
        network, place = narrowed(network, cut, encoding.bottleneck), cut + 1
        codes = bottleneck_codes(encoding.bits)
    else:
        place = cut
        codes = _calibrated(supernet, network, cut, encoding.bits, images)
    crossing = CodedCut(network.blocks[place - 1].name, encoding.bits, codes)
    return FoldedNetwork(network, recalibrate(supernet, network, images, crossing), crossing), codes


def encode_plainly(
    folded: FoldedNetwork, quantized: QuantizedNetwork, cut: int, encoding: CutEncoding
) -> EncodedNetwork:
    """With the int8 tensor that the head gives, deflated or not: nothing is trained, calibrated or lost."""
    network = folded.network
    _check(network, cut, encoding)
    steps = quantized.at_cut(cut)
    contract = Contract(cut, network.cut_spec(cut), steps.scale, steps.zero_point, folded.version, encoding)
    return EncodedNetwork(cut, network.cuts[-1], network, folded, quantized, contract)


def encode(
    supernet: Supernet, network: Network, cut: int, encoding: CutEncoding, images: torch.Tensor, range_images: int
) -> EncodedNetwork:
    """With few-bit codes, calibrated on ``images`` (n, C, H, W), normalised; ranges on the first ``range_images``.

    Raises InputError as :func:`encoded_float`.
    """
    folded, codes = encoded_float(supernet, network, cut, encoding, images)
    quantized = quantize(folded.network, folded.weights, folded.ranges(images[:range_images]))
    spec = folded.network.cut_spec(cut + bool(encoding.bottleneck))
    contract = Contract(cut, spec, codes.scale, codes.zero_point, folded.version, encoding)
    return EncodedNetwork(cut, network.cuts[-1], folded.network, folded, quantized, contract)


def _check(network: Network, cut: int, encoding: CutEncoding) -> None:
    last = network.cuts[-1]
    if not 0 <= cut <= last:
        raise InputError(f"cut {cut} is outside 0..{last}")
    spec = network.cut_spec(cut)
    if not fits(encoding, cut, last, spec):
        raise InputError(
            f"encoding {encoding} does not exist at cut {cut} ({spec}): bits are {_listed(BITS)}, bottlenecks "
            f"{_listed(BOTTLENECKS)} channels, at most half of the cut's, and only inside the network"
        )


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))


def _calibrated(
    supernet: Supernet, network: Network, cut: int, bits: int, images: torch.Tensor
) -> Quantization:
    """Of the tensor at the cut, as the sub-network gives it."""
    head = network.head(cut)
    seen: list[torch.Tensor] = []

    def tap(block: Block, name: str, value: torch.Tensor) -> None:
        if block is head.blocks[-1] and name == block.output:
            seen.append(value)

    FoldedNetwork(head, recalibrate(supernet, head, images))(images[:_CODE_IMAGES], tap)
    return calibrated_codes(seen[-1].numpy(), bits)
