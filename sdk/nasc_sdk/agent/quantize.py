"""Tables of 256 entries: from an image to the network's int8 input, and from a head's int8 output to what is sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Manifest, Quantization
from nasc_sdk.candidate import INT8
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_sdk.errors import InputError

Image = NDArray[np.uint8]


class InputTable:
    """Normalises and quantizes uint8 images, height x width x channels, as the manifest says."""

    def __init__(self, manifest: Manifest) -> None:
        spec, quantization = manifest.input_shape, manifest.input_quantization
        self._shape = (spec.height, spec.width, spec.channels)
        mean, std = (
            np.broadcast_to(values, (spec.channels,))[:, None] for values in (manifest.mean, manifest.std)
        )
        real = (np.arange(256) / 255.0 - mean) / std
        steps = np.rint(real / quantization.scale) + quantization.zero_point
        self._table = np.clip(steps, -128, 127).astype(np.int8)

    def quantized(self, image: Image) -> NDArray[np.int8]:
        """The image as the network takes it, 1 x height x width x channels; raises InputError on a misfit."""
        if image.dtype != np.uint8 or image.shape != self._shape:
            got, wanted = ("x".join(map(str, shape)) for shape in (image.shape, self._shape))
            raise InputError(f"the network takes uint8 images of {wanted}, not {image.dtype} {got}")
        result = np.empty((1, *self._shape), np.int8)
        for channel, table in enumerate(self._table):
            result[0, :, :, channel] = table[image[:, :, channel]]
        return result


class CutEncoder:
    """Makes payloads of a head's output; ``made`` are the steps of that output, which the manifest states."""

    def __init__(self, contract: Contract, made: Quantization | None) -> None:
        self._codec = CutCodec(contract)
        self._table = None
        if contract.encoding.bits != INT8.bits:
            assert made is not None, "checked before a head is installed (trust, rule 4)"
            # From int8 as it lies in memory, 0..127 and then -128..-1, so that no value has to be shifted.
            self._table = np.roll(self._codec.table(made.scale, made.zero_point), -128)

    def __call__(self, output: NDArray[np.int8]) -> bytes:
        """The payload of one or more samples."""
        stored = np.ascontiguousarray(output).view(np.uint8)
        return self._codec.pack(stored if self._table is None else self._table[stored])
