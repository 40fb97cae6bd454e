"""A .tflite graph as plain values: what the writer serialises and the integer reference runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Quantization
from nasc_sdk.ir.network import Activation

Array = NDArray[np.generic]


class Code(IntEnum):
    """Operators the exporter emits, with the numbers of the schema's ``BuiltinOperator``."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    RELU = 19
    RESHAPE = 22
    PAD = 34


class Padding(IntEnum):
    """The schema's ``Padding``."""

    SAME = 0
    VALID = 1


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One tensor; ``name`` is unique in its graph and reads ``block/tensor`` or ``block/tensor/part``."""

    name: str
    shape: tuple[int, ...]
    """With the batch dimension where it is an activation: (1, height, width, channels)."""
    dtype: np.dtype[np.generic]
    """int8, int32 or float32."""
    quantization: Quantization | None = None
    """Of activations and scalar constants; None for float32 and for weights."""
    channel_scales: NDArray[np.float32] | None = None
    """Of weights and biases, zero point 0."""
    channel_axis: int = 0
    data: Array | None = None
    """Constants only."""

    @property
    def bytes(self) -> int:
        """Size of the contents."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Node:
    """One operator; fields that its code does not use keep their defaults."""

    code: Code
    inputs: tuple[str, ...]
    output: str
    stride: int = 1
    kernel: tuple[int, int] = (1, 1)
    """(height, width); of pools only, convolutions take it from their weights."""
    padding: Padding = Padding.VALID
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nodes in order of execution; every name they use is a key of ``tensors``."""

    tensors: dict[str, Tensor]
    nodes: tuple[Node, ...]
    input: str
    output: str

    def activations(self) -> Iterator[Tensor]:
        """Tensors that are computed or fed in, not stored in the file."""
        return (tensor for tensor in self.tensors.values() if tensor.data is None)
