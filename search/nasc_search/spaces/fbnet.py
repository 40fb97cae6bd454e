"""FBNet's chain of inverted residuals (Wu et al. 2019, arXiv 1812.03443), as HW-NAS-Bench measured it, of free size.

Each layer takes one of nine operators: an inverted residual with kernel 3 or 5, expansion 1, 3 or 6, and at expansion 1
one or two groups; or ``skip``. Where a layer keeps its shape, skip is nothing at all, and the others add their input;
where it does not, skip is a 1x1 convolution with batch norm and ReLU, as in the benchmark. Operators and channels are
those of :mod:`nasc_search.measured.fbnet`. At 22 layers that is 9^22 architectures: they are never listed.

Operators of a layer share weights: a smaller expansion takes the first channels of the largest, a 3x3 kernel the
middle of the 5x5 one, groups the weights within them; only skips have their own. Where all weights are separate a
supernet of a chain learns next to nothing at first, since each layer's input comes from nine others.

An ``arch`` is one digit for each layer, the operator's number in ``OPS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.ir.legal import check_network
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec
from nasc_search.measured.fbnet import CHOICES, OPS, SKELETONS, SKIP, STAGES, STEM_CHANNELS, Choice, Skeleton

CIFAR: Final = SKELETONS["cifar100"]
IMAGENET: Final = SKELETONS["ImageNet"]
DEPTH: Final = tuple(layers for _, layers in STAGES)
_MULTIPLE: Final = 4
"""Channels are a multiple of it: two groups divide them, and kernels with SIMD are not left with a remainder."""
_MAX_LAYERS: Final = 64
_MAX_WIDTH: Final = 8.0


@dataclass(frozen=True, slots=True)
class FBNetMacro:
    """The skeleton around the layers; the defaults are HW-NAS-Bench's for 32x32 images."""

    input: TensorSpec
    classes: int
    width: float = 1.0
    """Factor on all channels, which are rounded to multiples of four."""
    depth: tuple[int, ...] = DEPTH
    """Layers of each of the seven stages; a stage without any is left out, its stride with it."""
    stem_stride: int = CIFAR.stem_stride
    strides: tuple[int, ...] = CIFAR.strides
    """Of the first layer of each stage."""
    header: int = CIFAR.header_channels
    """Channels of the 1x1 convolution before the pooling, at width 1."""

    def __post_init__(self) -> None:
        if not 0 < self.width <= _MAX_WIDTH:
            raise InputError(f"width {self.width} of FBNet is outside 0..{_MAX_WIDTH:g}")
        if len(self.depth) != len(STAGES) or min(self.depth) < 0 or not 0 < sum(self.depth) <= _MAX_LAYERS:
            raise InputError(
                f"FBNet has {len(STAGES)} stages of together 1..{_MAX_LAYERS} layers, e.g. {DEPTH}, not {self.depth}"
            )
        if len(self.strides) != len(STAGES) or not {self.stem_stride, *self.strides} <= {1, 2}:
            raise InputError(f"FBNet takes {len(STAGES)} strides of 1 or 2, not {self.strides}")
        if min(self.classes, self.header) < 1:
            raise InputError(f"FBNet needs classes and header channels, not {self.classes} and {self.header}")

    @classmethod
    def of(cls, skeleton: Skeleton, image: TensorSpec, classes: int, width: float = 1.0, depth: int = 4) -> FBNetMacro:
        """A published skeleton at another size; ``depth`` replaces the four layers of the five inner stages."""
        layers = tuple(depth if count > 1 else count for count in DEPTH)
        return cls(image, classes, width, layers, skeleton.stem_stride, skeleton.strides, skeleton.header_channels)

    def channels(self, published: int) -> int:
        """The published number, scaled and rounded."""
        return max(_MULTIPLE, round(published * self.width / _MULTIPLE) * _MULTIPLE)


@dataclass(frozen=True, slots=True)
class Layer:
    """Where a layer is in the chain; the same for all its operators."""

    name: str
    input: TensorSpec
    output: TensorSpec
    stride: int


@dataclass(frozen=True)
class FBNetSpace:
    """All choices of operators on one skeleton; a :class:`nasc_search.spaces.space.LayeredSpace`."""

    macro: FBNetMacro

    @property
    def name(self) -> str:
        """Name and macro parameters."""
        macro = self.macro
        depth, strides = (".".join(map(str, values)) for values in (macro.depth, macro.strides))
        size = f"w{macro.width:g}-d{depth}-s{macro.stem_stride}.{strides}-h{macro.header}"
        return f"fbnet-{macro.input}-{size}-k{macro.classes}"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Shapes along the chain."""
        macro, found = self.macro, list[Layer]()
        source = self.stem.output_spec
        for (published, _), count, first_stride in zip(STAGES, macro.depth, macro.strides, strict=True):
            for index in range(count):
                stride = first_stride if index == 0 else 1
                target = _strided(source, stride, macro.channels(published))
                found.append(Layer(f"layer_{len(found):02d}", source, target, stride))
                source = target
        return tuple(found)

    @property
    def choices(self) -> tuple[int, ...]:
        """Nine operators at each layer."""
        return (len(OPS),) * len(self.layers)

    def decode(self, code: Sequence[int]) -> str:
        """The architecture with these operators; InputError for other numbers than 0 to 8, one a layer."""
        if len(code) != len(self.layers) or not all(0 <= op <= SKIP for op in code):
            raise InputError(
                f"{list(code)!r:.80} is no code of {self.name}: {len(self.layers)} numbers from 0 to {SKIP}"
            )
        return "".join(str(int(op)) for op in code)

    def encode(self, arch: str) -> tuple[int, ...]:
        """Operator of each layer; InputError when the text is no architecture of this space."""
        if len(arch) != len(self.layers) or not set(arch) <= set("012345678"):
            raise InputError(
                f"{arch!r:.80} is no architecture of {self.name}: {len(self.layers)} digits from 0 to {SKIP}"
            )
        return tuple(map(int, arch))

    def sample(self, rng: np.random.Generator) -> str:
        """One architecture, uniformly."""
        return self.decode(rng.integers(len(OPS), size=len(self.layers)).tolist())

    def covering_archs(self) -> tuple[str, ...]:
        """Every operator in all layers at once."""
        return tuple(str(op) * len(self.layers) for op in range(len(OPS)))

    def network(self, arch: str) -> Network:
        """The chain with these operators; InputError when the text is no architecture of this space."""
        layers = (self.layer(index, op) for index, op in enumerate(self.encode(arch)))
        return check_network(Network(arch, (self.stem, *layers, self.classifier)))

    @cached_property
    def stem(self) -> Block:
        """A 3x3 convolution."""
        macro = self.macro
        spec = _strided(macro.input, macro.stem_stride, macro.channels(STEM_CHANNELS))
        conv = Op(
            OpKind.CONV, (INPUT,), "y", spec, 3, macro.stem_stride, activation=Activation.RELU, param="stem.conv",
            batch_norm=True,
        )  # fmt: skip
        return Block("stem", BlockKind.STEM, macro.input, (conv,), "y")

    def layer(self, index: int, choice: int) -> Block:
        """The block of an operator at a layer."""
        at = self.layers[index]
        return _skip(at) if choice == SKIP else _inverted_residual(at, CHOICES[choice])

    @cached_property
    def classifier(self) -> Block:
        """The last 1x1 convolution, which the papers call header, pooling and the dense layer."""
        macro, source = self.macro, self.layers[-1].output
        wide = TensorSpec(source.height, source.width, macro.channels(macro.header))
        header = Op(
            OpKind.CONV, (INPUT,), "wide", wide, activation=Activation.RELU, param="classifier.header", batch_norm=True
        )
        pool = Op(OpKind.GLOBAL_POOL, ("wide",), "pooled", TensorSpec(1, 1, wide.channels))
        dense = Op(OpKind.DENSE, ("pooled",), "y", TensorSpec(1, 1, macro.classes), param="classifier.dense")
        return Block("classifier", BlockKind.CLASSIFIER, source, (header, pool, dense), "y")


def _strided(source: TensorSpec, stride: int, channels: int) -> TensorSpec:
    return TensorSpec(-(-source.height // stride), -(-source.width // stride), channels)


def _skip(layer: Layer) -> Block:
    """Nothing, or a 1x1 convolution to the layer's shape."""
    if layer.input == layer.output:
        return Block(layer.name, BlockKind.INVERTED_RESIDUAL, layer.input, (), INPUT)
    conv = Op(
        OpKind.CONV, (INPUT,), "y", layer.output, 1, layer.stride, activation=Activation.RELU,
        param=f"{layer.name}.skip", batch_norm=True,
    )  # fmt: skip
    return Block(layer.name, BlockKind.INVERTED_RESIDUAL, layer.input, (conv,), "y")


def _inverted_residual(layer: Layer, choice: Choice) -> Block:
    source, target = layer.input, layer.output
    middle = source.channels * choice.expansion
    wide = TensorSpec(source.height, source.width, middle)
    small = TensorSpec(target.height, target.width, middle)
    ops = [
        Op(
            OpKind.CONV, (INPUT,), "expanded", wide, groups=choice.groups, shuffled=choice.groups > 1,
            activation=Activation.RELU, param=f"{layer.name}.expand", batch_norm=True,
        ),
        Op(
            OpKind.DEPTHWISE, ("expanded",), "filtered", small, choice.kernel, layer.stride,
            activation=Activation.RELU, param=f"{layer.name}.depthwise", batch_norm=True,
        ),
        Op(
            OpKind.CONV, ("filtered",), "projected", target, groups=choice.groups, param=f"{layer.name}.project",
            batch_norm=True,
        ),
    ]  # fmt: skip
    if source == target:
        ops.append(Op(OpKind.ADD, ("projected", INPUT), "y", target))
    return Block(layer.name, BlockKind.INVERTED_RESIDUAL, source, tuple(ops), ops[-1].output)
