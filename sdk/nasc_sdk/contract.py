"""The contract: what a head sends is exactly what its tail expects, or nothing runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from nasc_sdk.candidate import INT8, CutEncoding
from nasc_sdk.ir.network import TensorSpec


@dataclass(frozen=True, slots=True)
class Contract:
    """Shape, quantization and origin of the tensor that crosses the cut."""

    cut: int
    shape: TensorSpec
    scale: float
    """Real value of one step of the int8 tensor."""
    zero_point: int
    model_version: str
    """Digest of weights and architecture: two trainings never share a contract."""
    encoding: CutEncoding = INT8

    @property
    def id(self) -> str:
        """16 hexadecimal digits; equal on both sides when every field is equal."""
        text = (
            f"nasc-contract-1|{self.cut}|{self.shape}|{self.scale!r}|{self.zero_point}|{self.model_version}"
            f"|{self.encoding.bits}|{self.encoding.bottleneck}|{self.encoding.entropy}"
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]
