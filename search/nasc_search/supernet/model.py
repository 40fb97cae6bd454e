"""The supernet's weights as a torch module: one layer for every ``Op.param`` that any architecture uses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import torch
from torch import nn

from nasc_sdk.ir.network import Network, Op, OpKind, TensorSpec
from nasc_search.encodings.blocks import all_cut_blocks
from nasc_search.spaces.space import SearchSpace
from nasc_search.supernet.forward import Crossing, convolve, run
from nasc_search.supernet.norm import PartialBatchNorm
from nasc_search.weights import group_of


class Layer(nn.Module):
    """Weights of the operators that share a weight key, with their batch norm when the IR says so.

    Operators of one key are alike up to their size and groups. The layer is as large as the largest of them; a smaller
    one takes the first channels and the middle of the kernel (Cai et al. 2020, arXiv 1908.09791, section 3.2), and one
    with groups of a layer without any those weights that its groups have.
    """

    def __init__(self, op: Op, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.op = op
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = None if op.batch_norm else nn.Parameter(torch.zeros(shape[0]))
        self.norm = PartialBatchNorm(shape[0]) if op.batch_norm else None

    def reset(self, generator: torch.Generator) -> None:
        """He initialisation, seeded."""
        if self.op.kind is OpKind.DEPTHWISE and self.op.kernel == 1:
            nn.init.ones_(self.weight)
        else:
            nn.init.kaiming_normal_(self.weight, generator=generator)

    def weight_of(self, op: Op, inputs: int) -> torch.Tensor:
        """What ``op`` takes of the weights for this number of input channels (DENSE: of elements)."""
        grouped = op.groups > 1 and self.op.groups == 1
        shape = weight_shape(replace(op, groups=1) if grouped else op, inputs)
        part = self.weight if shape == self.weight.shape else self._part(op, shape)
        if grouped:
            split = part.reshape(shape[0], op.groups, -1, *shape[2:])
            part = split[torch.arange(shape[0]), torch.from_numpy(group_of(op))]
        return part

    def bias_of(self, op: Op) -> torch.Tensor | None:
        """What ``op`` takes of the bias; None where batch norm follows."""
        return None if self.bias is None else self.bias[: op.spec.channels]

    def affine_of(self, op: Op) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Gain and shift of the batch norm for the channels of ``op``; None where there is none."""
        channels = op.spec.channels
        return None if self.norm is None else (self.norm.weight[:channels], self.norm.bias[:channels])

    def _part(self, op: Op, shape: tuple[int, ...]) -> torch.Tensor:
        part = self.weight[: shape[0], : shape[1]]
        if op.kind is not OpKind.DENSE:
            margin = (part.shape[2] - op.kernel) // 2
            part = part[:, :, margin : margin + op.kernel, margin : margin + op.kernel]
        return part

    def forward(self, op: Op, x: torch.Tensor) -> torch.Tensor:
        """The operator and its batch norm."""
        y = convolve(op, x, self.weight_of(op, x.shape[1]), self.bias_of(op))
        return y if self.norm is None else self.norm(y)


def weight_shape(op: Op, inputs: int) -> tuple[int, ...]:
    """Of an operator's weights, as in :class:`nasc_search.weights.LayerWeights`, for this number of input channels."""
    if op.kind is OpKind.DENSE:
        return op.spec.channels, inputs
    return op.spec.channels, 1 if op.kind is OpKind.DEPTHWISE else inputs // op.groups, op.kernel, op.kernel


def is_coder(name: str) -> bool:
    """Whether a parameter, by its name in ``state_dict``, belongs to an encoder or decoder of a cut."""
    return name.startswith(("_layers.encode_", "_layers.decode_"))


class Supernet(nn.Module):
    """Shared weights of a space; one sub-network is run at a time (single path).

    With ``encoded`` it holds encoders and decoders for every cut as well (:mod:`nasc_search.encodings.blocks`).
    """

    def __init__(self, space: SearchSpace, seed: int = 0, *, encoded: bool = False) -> None:
        super().__init__()
        self.space, self.encoded = space, encoded
        # Module names may not hold dots; weight keys do.
        self._layers = nn.ModuleDict()
        generator = torch.Generator().manual_seed(seed)
        for op, shape in _largest(_weighted_ops(space, encoded)):
            layer = Layer(op, shape)
            layer.reset(generator)
            self._layers[op.param.replace(".", "/")] = layer
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs lack this form

    @property
    def coders(self) -> set[str]:
        """Weight keys of encoders and decoders."""
        if not self.encoded:
            return set()
        blocks = all_cut_blocks(self.space.network(next(iter(self.space.covering_archs()))))
        return {op.param for block in blocks for op in block.ops}

    def state_of(self, params: Collection[str]) -> dict[str, torch.Tensor]:
        """The part of ``state_dict`` that belongs to some weight keys."""
        prefixes = tuple(f"_layers.{param.replace('.', '/')}." for param in sorted(params))
        return {name: value for name, value in self.state_dict().items() if name.startswith(prefixes)}

    def layer(self, param: str) -> Layer:
        """The layer of a weight key."""
        layer = self._layers[param.replace(".", "/")]
        assert isinstance(layer, Layer)
        return layer

    def forward(self, x: torch.Tensor, network: Network, crossing: Crossing | None = None) -> torch.Tensor:
        """Logits (batch, classes) of one sub-network for images (batch, C, H, W)."""
        return run(network, lambda op, value: self.layer(op.param)(op, value), x, crossing=crossing)


def _weighted_ops(space: SearchSpace, encoded: bool) -> Iterator[tuple[Op, TensorSpec]]:
    networks = [space.network(arch) for arch in space.covering_archs()]
    blocks = [block for network in networks for block in network.blocks]
    if encoded:
        blocks += all_cut_blocks(networks[0])
    for block in blocks:
        for op in block.ops:
            if op.param:
                yield op, block.spec_of(op.inputs[0])


def _largest(weighted: Iterable[tuple[Op, TensorSpec]]) -> Iterator[tuple[Op, tuple[int, ...]]]:
    """One operator of each weight key, without groups if there is one, and the shape that holds the weights of all."""
    first: dict[str, Op] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for op, source in weighted:
        inputs = source.elements if op.kind is OpKind.DENSE else source.channels
        shape = weight_shape(op, inputs)
        first[op.param] = min(first.get(op.param, op), op, key=lambda op: op.groups)
        shapes[op.param] = tuple(map(max, shape, shapes.get(op.param, shape)))
    for param, op in first.items():
        yield op, shapes[param]
