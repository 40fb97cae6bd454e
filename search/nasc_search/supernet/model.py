"""The supernet's weights as a torch module: one layer for every ``Op.param`` that any architecture uses."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import nn

from nasc_sdk.ir.network import Network, Op, OpKind, TensorSpec
from nasc_search.encodings.blocks import all_cut_blocks
from nasc_search.spaces.space import SearchSpace
from nasc_search.supernet.forward import Crossing, convolve, run


class Layer(nn.Module):
    """Weights of one operator, with its batch norm when the IR says so."""

    def __init__(self, op: Op, source: TensorSpec) -> None:
        super().__init__()
        self.op = op
        channels = op.spec.channels
        if op.kind is OpKind.DENSE:
            shape: tuple[int, ...] = (channels, source.elements)
        elif op.kind is OpKind.DEPTHWISE:
            shape = (channels, 1, op.kernel, op.kernel)
        else:
            shape = (channels, source.channels // op.groups, op.kernel, op.kernel)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = None if op.batch_norm else nn.Parameter(torch.zeros(channels))
        self.norm = nn.BatchNorm2d(channels) if op.batch_norm else None

    def reset(self, generator: torch.Generator) -> None:
        """He initialisation, seeded."""
        if self.op.kind is OpKind.DEPTHWISE and self.op.kernel == 1:
            nn.init.ones_(self.weight)
        else:
            nn.init.kaiming_normal_(self.weight, generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The operator and its batch norm."""
        y = convolve(self.op, x, self.weight, self.bias)
        return y if self.norm is None else self.norm(y)


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
        for op, source in _weighted_ops(space, encoded):
            name = op.param.replace(".", "/")
            if name not in self._layers:
                layer = Layer(op, source)
                layer.reset(generator)
                self._layers[name] = layer
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
        return run(network, lambda op, value: self.layer(op.param)(value), x, crossing=crossing)


def _weighted_ops(space: SearchSpace, encoded: bool) -> Iterator[tuple[Op, TensorSpec]]:
    networks = [space.network(arch) for arch in space.covering_archs()]
    blocks = [block for network in networks for block in network.blocks]
    if encoded:
        blocks += all_cut_blocks(networks[0])
    for block in blocks:
        for op in block.ops:
            if op.param:
                yield op, block.spec_of(op.inputs[0])
