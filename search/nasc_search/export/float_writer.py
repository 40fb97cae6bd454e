"""Float32 .tflite models of the same networks: the tail as it is served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, Network, Op
from nasc_search.export.flatbuffer import serialize
from nasc_search.export.forms import Form, lower
from nasc_search.export.simplify import simplify
from nasc_search.weights import FoldedWeights


@dataclass(frozen=True, slots=True, eq=False)
class _FloatLayer:
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    scales: None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Float32:
    """Folded weights as the numbers of a graph."""

    weights: FoldedWeights

    def quantization(self, block: Block, tensor: str) -> None:
        return None

    def layer(self, block: Block, op: Op) -> _FloatLayer:
        try:
            layer = self.weights[op.param]
        except KeyError:
            raise InputError(f"no weights for {op.param}") from None
        return _FloatLayer(layer.weight.astype(np.float32), layer.bias.astype(np.float32))


def write_float(network: Network, weights: FoldedWeights, form: Form = Form.XNNPACK) -> bytes:
    """A .tflite file of ``network`` (a whole one or a tail): NHWC in, 1x1x1xclasses logits out, batch 1."""
    return serialize(lower(simplify(network), _Float32(weights), form))
