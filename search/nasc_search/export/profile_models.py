"""What a device needs to time one block: its model, and the real activations that reach it.

Latency depends on the data (up to 1.6x between zeros and noise), so a block is fed what the blocks before it
give on real images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.export import integer_reference
from nasc_search.export.forms import Form
from nasc_search.export.quantize import QuantizedNetwork
from nasc_search.export.writer import write_int8


def block_item(block: QuantizedNetwork, activations: NDArray[np.int8], form: Form) -> tuple[bytes, bytes]:
    """(model, one sample's input) of a slice; ``activations`` are one sample of its int8 input, NHWC.

    InputError when their shape is not the slice's input.
    """
    spec = block.network.input
    if activations.size != spec.elements or activations.dtype != np.int8:
        given = f"{activations.dtype} values of shape {activations.shape}"
        raise InputError(f"{given} are not one int8 sample of {spec}")
    return write_int8(block, form), np.ascontiguousarray(activations).tobytes()


def activations(quantized: QuantizedNetwork, images: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """The int8 tensor at every cut for a batch of int8 images (n, height, width, channels)."""
    at_cuts = [images]
    for index in range(len(quantized.network.blocks)):
        at_cuts.append(integer_reference.run(quantized.slice(index, index + 1), at_cuts[-1]))
    return at_cuts
