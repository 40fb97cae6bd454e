"""What the search chooses between: architecture, cut and cut encoding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nasc_sdk.ir.network import TensorSpec

BITS: Final = (8, 4, 2)


class Entropy(StrEnum):
    """Entropy coding of the packed codes."""

    NONE = "none"
    ZLIB = "zlib"
    """Deflate, RFC 1950."""
    ZSTD = "zstd"
    """Zstandard, RFC 8878: several times as fast as deflate and hardly larger, where both sides have it."""


@dataclass(frozen=True, slots=True)
class CutEncoding:
    """What crosses the cut: how many channels, how many bits each, and what is done with the bytes.

    ``bottleneck`` is the number of channels a learned 1x1 convolution narrows the cut to (0: none).
    """

    bits: int = 8
    bottleneck: int = 0
    entropy: Entropy = Entropy.NONE

    def payload_bytes(self, cut: TensorSpec) -> int:
        """Bytes of one sample, packed, before entropy coding."""
        channels = self.bottleneck or cut.channels
        return -(-cut.height * cut.width * channels * self.bits // 8)

    def __str__(self) -> str:
        narrowed = f", {self.bottleneck} channels" if self.bottleneck else ""
        coded = "" if self.entropy is Entropy.NONE else f", {self.entropy.value}"
        return f"int{self.bits}{narrowed}{coded}"


INT8: Final = CutEncoding()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of the search: ``cut`` 0 is all on the server, the network's last cut all on the board."""

    arch: str
    cut: int
    encoding: CutEncoding = INT8

    def __str__(self) -> str:
        return f"{self.arch} at cut {self.cut} ({self.encoding})"
