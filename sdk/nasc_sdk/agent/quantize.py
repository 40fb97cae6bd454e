"""From an image to the network's int8 input: one table of 256 entries a channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Manifest
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
