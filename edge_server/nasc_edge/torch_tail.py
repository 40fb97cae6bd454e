"""The reference: a tail in torch straight from the IR; what is served is checked and timed against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, assert_never

import numpy as np
from numpy.typing import NDArray

from nasc_edge.tails import Logits, Tail
from nasc_sdk.errors import InputError, MissingExtraError
from nasc_sdk.ir.network import INPUT, Activation, Network, Op, OpKind

if TYPE_CHECKING:
    import torch

Weights = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""``Op.param`` -> folded weight and bias: CONV (out, in / groups, k, k), DEPTHWISE (c, 1, k, k), DENSE (out, in)."""


def import_torch() -> ModuleType:
    """The torch module; MissingExtraError when it is not installed."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch", "edge") from error
    return torch


class TorchTail:
    """A network from its cut to the logits, eager, in float32. Raises InputError when weights are missing."""

    def __init__(self, network: Network, weights: Weights) -> None:
        self._torch = import_torch()
        self._network = network
        missing = {op.param for _, op in network.ops() if op.param} - weights.keys()
        if missing:
            raise InputError(f"no weights for {', '.join(sorted(missing))}")
        self._weights = {param: tuple(map(self._tensor, pair)) for param, pair in weights.items()}

    def run(self, cut: NDArray[np.float32], worker: int = 0) -> Logits:
        """(n, H, W, C) to (n, classes)."""
        with self._torch.inference_mode():
            # NHWC memory seen as NCHW is channels_last: nothing is copied.
            x = self._torch.from_numpy(np.ascontiguousarray(cut)).permute(0, 3, 1, 2)
            for block in self._network.blocks:
                values = {INPUT: x}
                for op in block.ops:
                    values[op.output] = self._activate(op, self._linear(op, values))
                x = values[block.output]
            logits: Logits = x.flatten(1).contiguous().numpy()
            return logits

    def _tensor(self, array: NDArray[np.float32]) -> torch.Tensor:
        tensor: torch.Tensor = self._torch.from_numpy(np.ascontiguousarray(array))
        # As the activations are: else torch takes 7-18 % longer where convolutions dominate, an unfair reference.
        return tensor.contiguous(memory_format=self._torch.channels_last) if tensor.ndim == 4 else tensor

    def _linear(self, op: Op, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        functional, source = self._torch.nn.functional, values[op.inputs[0]]
        padding = op.kernel // 2
        result: torch.Tensor
        match op.kind:
            case OpKind.CONV:
                result = self._convolution(op, source)
            case OpKind.DEPTHWISE:
                groups = source.shape[1]
                result = functional.conv2d(
                    source, *self._weights[op.param], op.stride, padding, groups=groups
                )
            case OpKind.DENSE:
                flat = functional.linear(source.flatten(1), *self._weights[op.param])
                result = flat[:, :, None, None]
            case OpKind.ADD:
                result = source + values[op.inputs[1]]
            case OpKind.RELU:
                result = functional.relu(source)
            case OpKind.AVG_POOL:
                result = functional.avg_pool2d(source, op.kernel, op.stride, padding if op.stride == 1 else 0)
            case OpKind.GLOBAL_POOL:
                result = source.mean((2, 3), keepdim=True)
            case _:
                assert_never(op.kind)
        return result

    def _convolution(self, op: Op, source: torch.Tensor) -> torch.Tensor:
        weight, bias = self._weights[op.param]
        if op.shuffled:
            weight = weight.reshape(-1, op.groups, *weight.shape[1:]).transpose(0, 1).flatten(0, 1)
        functional = self._torch.nn.functional
        y: torch.Tensor = functional.conv2d(source, weight, None, op.stride, op.kernel // 2, groups=op.groups)
        if op.shuffled:
            y = y.reshape(len(y), op.groups, -1, *y.shape[2:]).transpose(1, 2).flatten(1, 2)
        return y + bias[:, None, None]

    def _activate(self, op: Op, value: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor
        match op.activation:
            case Activation.NONE:
                result = value
            case Activation.RELU:
                result = self._torch.nn.functional.relu(value)
            case Activation.RELU6:
                result = self._torch.nn.functional.relu6(value)
            case _:
                assert_never(op.activation)
        return result


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a served tail compares with the reference on the same cut tensors."""

    samples: int
    same_top1: float
    """Share of samples, 0 to 1."""
    largest_difference: float
    """Of any logit."""


def check_against_torch(served: Tail, reference: TorchTail, cut: NDArray[np.float32]) -> Agreement:
    """Run both on (n, H, W, C) real values."""
    got, expected = served.run(cut, 0), reference.run(cut)
    same = float((got.argmax(1) == expected.argmax(1)).mean())
    return Agreement(len(cut), same, float(np.abs(got - expected).max()))
