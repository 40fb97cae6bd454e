"""What crosses a cut, as bytes: few-bit codes packed, entropy coding, and back to real values; no I/O.

Rule 1: a code stands for ``scale * (code - zero_point)``, both of the contract. Codes of 8 bits are signed, the int8
    tensor as the head gives it; codes of 4 and 2 bits are unsigned.
Rule 2: the first code of a byte is in its lowest bits; every sample begins at a byte.
Rule 3: entropy coding sees all samples of a request at once, packed. What it gives back is bounded before it is
    expanded: a payload of strangers expands to the contract's size or is refused.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nasc_sdk import entropy
from nasc_sdk.candidate import BITS
from nasc_sdk.contract import Contract


class CutCodec:
    """Both sides of one contract's cut; ValueError for a contract that :func:`unsupported` has a word against."""

    def __init__(self, contract: Contract) -> None:
        if reason := unsupported(contract):
            raise ValueError(reason)
        self.contract = contract
        self._encoding, self._elements = contract.encoding, contract.shape.elements
        self._sample_bytes = contract.encoding.payload_bytes(contract.shape)

    def fits(self, size: int, count: int) -> bool:
        """Whether so many bytes can be ``count`` samples; after entropy coding only bounds are known."""
        return entropy.fits(self._encoding.entropy, size, count * self._sample_bytes)

    def table(self, scale: float, zero_point: int) -> NDArray[np.uint8]:
        """``[256]``: the code of each int8 value of a head's output with these steps, from -128 upwards."""
        stored = np.arange(-128, 128)
        if self._encoding.bits == 8:
            return stored.astype(np.int8).view(np.uint8)
        real = (stored - zero_point) * scale
        codes = np.rint(real / self.contract.scale) + self.contract.zero_point
        return np.asarray(np.clip(codes, 0, (1 << self._encoding.bits) - 1), np.uint8)

    def pack(self, codes: NDArray[np.uint8]) -> bytes:
        """Codes of any number of samples, a sample after the other, to a payload."""
        per_byte = 8 // self._encoding.bits
        if per_byte > 1:
            samples = codes.reshape(-1, self._elements)
            short = -self._elements % per_byte
            if short:
                samples = np.pad(samples, ((0, 0), (0, short)))
            packed = samples[:, ::per_byte].copy()
            for place in range(1, per_byte):
                packed |= samples[:, place::per_byte] << np.uint8(place * self._encoding.bits)
            codes = packed
        return entropy.compress(self._encoding.entropy, codes.tobytes())

    def decode(self, payload: bytes, count: int) -> NDArray[np.float32]:
        """Real values ``[count, H, W, C]``; RemoteProtocolError when the payload is not ``count`` samples."""
        raw = entropy.expand(self._encoding.entropy, payload, count * self._sample_bytes)
        shape = (count, self.contract.shape.height, self.contract.shape.width, self.contract.shape.channels)
        bits = self._encoding.bits
        if bits == 8:
            codes: NDArray[np.int8 | np.uint8] = np.frombuffer(raw, np.int8)
        else:
            packed = np.frombuffer(raw, np.uint8).reshape(count, -1)
            places = [packed >> np.uint8(place * bits) for place in range(8 // bits)]
            codes = np.stack(places, axis=2).reshape(count, -1)[:, : self._elements] & np.uint8((1 << bits) - 1)
        # One pass in float32: codes and zero points are exact there.
        return (codes.reshape(shape) - np.float32(self.contract.zero_point)) * np.float32(self.contract.scale)


def unsupported(contract: Contract) -> str:
    """Why this version cannot encode or decode a contract's cut; empty when it can."""
    encoding, shape = contract.encoding, contract.shape
    if encoding.bits not in BITS:
        return f"{encoding.bits} bits; supported are {', '.join(map(str, BITS))}"
    if encoding.entropy not in entropy.known_codings():
        return f"{encoding.entropy.value} without it being installed; run: pip install 'nasc-sdk[zstd]'"
    if encoding.bottleneck not in (0, shape.channels):
        return f"a bottleneck of {encoding.bottleneck} channels, but a cut of {shape}"
    lowest, highest = (-128, 127) if encoding.bits == 8 else (0, (1 << encoding.bits) - 1)
    if not (math.isfinite(contract.scale) and contract.scale > 0 and lowest <= contract.zero_point <= highest):
        return f"codes with scale {contract.scale} and zero point {contract.zero_point}"
    return ""


