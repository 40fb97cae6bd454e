"""Bundle: one side's model under a contract, with a golden input and the output it must give.

Layout: ``MAGIC``, the manifest's length (4 bytes, big-endian), the manifest (JSON), then model, golden input and
golden output one after another, each of the length and digest that the manifest states. The bundle is itself an
artifact, named by its SHA-256; checking it needs neither files nor network.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from nasc_sdk.candidate import Candidate
from nasc_sdk.contract import Contract
from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.ir.network import TensorSpec

MAGIC: Final = b"NASCB1\n"
_LENGTH: Final = struct.Struct(">I")
MAX_MANIFEST_BYTES: Final = 64 << 10


class Side(StrEnum):
    """Who runs the bundle's model."""

    HEAD = "head"
    TAIL = "tail"


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (stored - zero_point)"""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the bundle claims; everything a device needs to refuse it before loading it."""

    side: Side
    contract: Contract
    candidate: Candidate
    cuts: int
    """The network's last cut: a head at this cut answers alone."""
    input_shape: TensorSpec
    """Of the whole network."""
    input_quantization: Quantization
    """Of the whole network's int8 input; images are scaled to 0..1 and normalised before (see ``mean``, ``std``)."""
    mean: tuple[float, ...]
    """Per channel, of images in 0..1."""
    std: tuple[float, ...]
    classes: int
    model_bytes: int
    model_sha256: str
    golden_input_bytes: int
    golden_input_sha256: str
    golden_output_bytes: int
    golden_output_sha256: str
    golden_tolerance: float
    """Largest difference allowed from the golden output: steps (int8 heads) or the output's unit (float tails)."""
    output_quantization: Quantization | None = None
    """Of the head's int8 output; for an all-local head, of the logits. None for tails (float32 logits)."""
    arena_bytes: int = 0
    flash_bytes: int = 0

    @property
    def all_local(self) -> bool:
        """Whether the head answers alone."""
        return self.contract.cut == self.cuts

    @property
    def all_edge(self) -> bool:
        """Whether the server does everything: the head is only quantization, its model is empty."""
        return self.contract.cut == 0


@dataclass(frozen=True, slots=True)
class Bundle:
    """A manifest and the bytes it speaks of; goldens are raw little-endian arrays (int8 or float32), one sample."""

    manifest: Manifest
    model: bytes
    golden_input: bytes
    golden_output: bytes

    def pack(self) -> bytes:
        """Bytes of the artifact."""
        manifest = msgspec.json.encode(self.manifest)
        return b"".join(
            (MAGIC, _LENGTH.pack(len(manifest)), manifest, self.model, self.golden_input, self.golden_output)
        )

    @classmethod
    def unpack(cls, data: bytes) -> Bundle:
        """Parse and check every length and digest; raises RemoteProtocolError whatever the bytes are."""

        def refuse(reason: str) -> RemoteProtocolError:
            return RemoteProtocolError("bundle", reason)

        start = len(MAGIC) + _LENGTH.size
        if data[: len(MAGIC)] != MAGIC or len(data) < start:
            raise refuse("does not start as a bundle of version 1")
        (length,) = _LENGTH.unpack_from(data, len(MAGIC))
        if length > MAX_MANIFEST_BYTES or start + length > len(data):
            raise refuse(f"manifest of {length} bytes does not fit")
        try:
            manifest = msgspec.json.decode(data[start : start + length], type=Manifest)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise refuse(f"manifest: {error}") from error
        parts, offset = [], start + length
        for name, size, digest in (
            ("model", manifest.model_bytes, manifest.model_sha256),
            ("golden input", manifest.golden_input_bytes, manifest.golden_input_sha256),
            ("golden output", manifest.golden_output_bytes, manifest.golden_output_sha256),
        ):
            part = data[offset : offset + size]
            if size < 0 or len(part) != size or sha256(part) != digest:
                raise refuse(f"{name} is not the {size} bytes with digest {digest[:12]} that the manifest states")
            parts.append(part)
            offset += size
        if offset != len(data):
            raise refuse(f"{len(data) - offset} bytes follow the last part")
        return cls(manifest, *parts)


def sha256(data: bytes) -> str:
    """Digest as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
