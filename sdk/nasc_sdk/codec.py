"""What crosses a cut, as bytes: few-bit codes packed, entropy coding, and back to real values; no I/O.

Rule 1: a code stands for ``scale * (code - zero_point)``, both of the contract. Codes of 8 bits are signed, the int8
    tensor as the head gives it; codes of 4 and 2 bits are unsigned.
Rule 2: the first code of a byte is in its lowest bits; every sample begins at a byte.
Rule 3: entropy coding sees all samples of a request at once, packed. What it gives back is bounded before it is
    expanded: a payload of strangers expands to the contract's size or is refused.
"""

from __future__ import annotations

import math
import zlib
from typing import Final, assert_never

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.candidate import BITS, Entropy
from nasc_sdk.contract import Contract
from nasc_sdk.errors import RemoteProtocolError

ZLIB_LEVEL: Final = 6
"""Beyond 6, cut tensors shrink by less than a hundredth and take longer."""
# What deflate adds at most to data that it cannot shrink, for any length that a frame may hold.
_DEFLATE_SHARE: Final = 1 << 10
_DEFLATE_MORE: Final = 64


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
        raw = count * self._sample_bytes
        if self._encoding.entropy is Entropy.NONE:
            return size == raw
        return 0 < size <= raw + raw // _DEFLATE_SHARE + _DEFLATE_MORE

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
        match self._encoding.entropy:
            case Entropy.NONE:
                return codes.tobytes()
            case Entropy.ZLIB:
                return zlib.compress(codes.tobytes(), ZLIB_LEVEL)
            case _:
                assert_never(self._encoding.entropy)

    def decode(self, payload: bytes, count: int) -> NDArray[np.float32]:
        """Real values ``[count, H, W, C]``; RemoteProtocolError when the payload is not ``count`` samples."""
        raw = self._expanded(payload, count * self._sample_bytes)
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

    def _expanded(self, payload: bytes, size: int) -> bytes:
        if self._encoding.entropy is Entropy.NONE:
            raw, complete = payload, True
        else:
            expander = zlib.decompressobj()
            try:
                # One byte more than is wanted shows that there are more, without expanding them.
                raw = expander.decompress(payload, size + 1)
            except zlib.error as error:
                raise RemoteProtocolError("payload", f"is no deflated tensor: {error}") from error
            complete = expander.eof and not expander.unused_data
        if len(raw) != size or not complete:
            found = f"{len(raw)} bytes" if len(raw) <= size else "more"
            raise RemoteProtocolError("payload", f"expands to {found}, the tensors of the contract are {size}")
        return raw


def unsupported(contract: Contract) -> str:
    """Why this version cannot encode or decode a contract's cut; empty when it can."""
    encoding, shape = contract.encoding, contract.shape
    if encoding.bits not in BITS:
        return f"{encoding.bits} bits; supported are {', '.join(map(str, BITS))}"
    if encoding.bottleneck not in (0, shape.channels):
        return f"a bottleneck of {encoding.bottleneck} channels, but a cut of {shape}"
    lowest, highest = (-128, 127) if encoding.bits == 8 else (0, (1 << encoding.bits) - 1)
    if not (math.isfinite(contract.scale) and contract.scale > 0 and lowest <= contract.zero_point <= highest):
        return f"codes with scale {contract.scale} and zero point {contract.zero_point}"
    return ""


