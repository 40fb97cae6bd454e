"""What the search chooses between: architecture, cut and cut encoding."""

from __future__ import annotations

from dataclasses import dataclass

from nasc_sdk.ir.network import TensorSpec


@dataclass(frozen=True, slots=True)
class CutEncoding:
    """What crosses the cut. Today int8 without entropy coding; the search already treats it as a variable.

    ``bottleneck`` is the number of channels a learned 1x1 convolution narrows the cut to (0: none).
    """

    bits: int = 8
    bottleneck: int = 0
    entropy: str = "none"

    def payload_bytes(self, cut: TensorSpec) -> int:
        """Bytes that cross the link for one sample."""
        channels = self.bottleneck or cut.channels
        return -(-cut.height * cut.width * channels * self.bits // 8)

    def __str__(self) -> str:
        narrowed = f", {self.bottleneck} channels" if self.bottleneck else ""
        coded = "" if self.entropy == "none" else f", {self.entropy}"
        return f"int{self.bits}{narrowed}{coded}"


INT8 = CutEncoding()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of the search: ``cut`` 0 is all on the server, the network's last cut all on the board."""

    arch: str
    cut: int
    encoding: CutEncoding = INT8

    def __str__(self) -> str:
        return f"{self.arch} at cut {self.cut} ({self.encoding})"
