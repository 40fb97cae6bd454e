"""Encoder and decoder blocks around a cut, and the encodings that the search may choose at each cut.

A bottleneck of k channels is a 1x1 convolution to k channels as the head's last block, and one back as the tail's first
(Matsubara et al. 2019, "Distilled split deep neural networks for edge-assisted real-time systems"). The encoder ends in
a RELU6, so that few-bit codes have one fixed scale, 6 / (2^bits - 1): batch norm learns to fill it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nasc_sdk.bundle import Quantization
from nasc_sdk.candidate import BITS, INT8, CutEncoding, Entropy
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec

BOTTLENECKS: Final = (2, 4, 8)
"""Channels that a cut can be narrowed to; at most half of what it has."""
_BITS: Final = (4, 2)
_HIGHEST: Final = 6.0

PLAIN: Final = tuple(CutEncoding(entropy=entropy) for entropy in Entropy)
"""What loses nothing, and so needs no evaluation; int8 as it is comes first."""
ENCODINGS: Final = (
    *PLAIN,
    *(CutEncoding(bits, entropy=entropy) for bits in _BITS for entropy in Entropy),
    *(CutEncoding(bits, channels, entropy) for channels in BOTTLENECKS for bits in _BITS for entropy in Entropy),
)
"""All that the search knows, the plain one first."""


def fits(encoding: CutEncoding, cut: int, cuts: int, spec: TensorSpec) -> bool:
    """Whether an encoding exists at ``cut`` of 0..``cuts``: the raw input keeps its bits, nothing leaves the last."""
    if cut == 0:
        return encoding in PLAIN
    if cut == cuts:
        return encoding == INT8
    if not encoding.bottleneck:
        return encoding.bits in BITS
    narrows = encoding.bottleneck in BOTTLENECKS and 2 * encoding.bottleneck <= spec.channels
    return narrows and encoding.bits in BITS and spec.height > 1


def encoder_block(cut: int, spec: TensorSpec, channels: int) -> Block:
    """From the cut's own shape to ``channels``; its weights belong to the cut and the width, not to an architecture."""
    name = f"encode_{cut}_{channels}"
    narrow = TensorSpec(spec.height, spec.width, channels)
    conv = Op(
        OpKind.CONV, (INPUT,), "y", narrow, activation=Activation.RELU6, param=f"{name}.conv", batch_norm=True
    )
    return Block(name, BlockKind.ENCODER, spec, (conv,), "y")


def decoder_block(cut: int, spec: TensorSpec, channels: int) -> Block:
    """And back."""
    name = f"decode_{cut}_{channels}"
    narrow = TensorSpec(spec.height, spec.width, channels)
    conv = Op(OpKind.CONV, (INPUT,), "y", spec, param=f"{name}.conv", batch_norm=True)
    return Block(name, BlockKind.DECODER, narrow, (conv,), "y")


def all_cut_blocks(network: Network) -> list[Block]:
    """Encoders and decoders of every interior cut."""
    last = network.cuts[-1]
    return [
        make(cut, network.cut_spec(cut), channels)
        for cut in range(1, last)
        for channels in BOTTLENECKS
        if fits(CutEncoding(bottleneck=channels), cut, last, network.cut_spec(cut))
        for make in (encoder_block, decoder_block)
    ]


def narrowed(network: Network, cut: int, channels: int) -> Network:
    """The network with encoder and decoder around ``cut``, which is between the two then: one block later."""
    spec = network.cut_spec(cut)
    pair = encoder_block(cut, spec, channels), decoder_block(cut, spec, channels)
    return replace(network, blocks=(*network.blocks[:cut], *pair, *network.blocks[cut:]))


def bottleneck_codes(bits: int) -> Quantization:
    """Steps of few-bit codes behind an encoder."""
    return Quantization(_HIGHEST / ((1 << bits) - 1), 0)
