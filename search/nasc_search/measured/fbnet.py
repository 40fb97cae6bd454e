"""FBNet's space as HW-NAS-Bench measured it: 22 layers of nine operators, and the keys of its per-layer tables.

A table gives the figure of one layer of one shape; the figure of a network is the sum over stem, layers, header,
pooling and classifier. Layers of one shape share a key. One table serves both data sets, whose shapes differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from nasc_sdk.errors import InputError


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Input size in pixels, channels and stride of a layer."""

    size: int
    inputs: int
    outputs: int
    stride: int


@dataclass(frozen=True, slots=True)
class Choice:
    """An inverted residual: 1x1 expansion, depthwise k x k, 1x1 projection; both 1x1 in ``groups``."""

    name: str
    kernel: int
    expansion: int
    groups: int = 1

    def macs(self, shape: LayerShape) -> int:
        """Multiply-accumulates at this shape."""
        middle, out = shape.inputs * self.expansion, (shape.size // shape.stride) ** 2
        expand = shape.size**2 * shape.inputs * middle // self.groups
        return expand + out * middle * self.kernel**2 + out * middle * shape.outputs // self.groups


CHOICES: Final = (
    Choice("k3_e1", 3, 1),
    Choice("k3_e1_g2", 3, 1, 2),
    Choice("k3_e3", 3, 3),
    Choice("k3_e6", 3, 6),
    Choice("k5_e1", 5, 1),
    Choice("k5_e1_g2", 5, 1, 2),
    Choice("k5_e3", 5, 3),
    Choice("k5_e6", 5, 6),
)
"""In the benchmark's order; the ninth operator is ``skip``."""
OPS: Final = (*(choice.name for choice in CHOICES), "skip")
"""Operators of a layer by number."""
SKIP: Final = len(CHOICES)
TRAITS: Final = (*((choice.kernel, choice.expansion, choice.groups, 0) for choice in CHOICES), (0, 0, 1, 1))
"""Kernel, expansion, groups and whether it is ``skip``, of each operator: how alike they are, for predictors."""
LAYERS: Final = 22
STAGES: Final = ((16, 1), (24, 4), (32, 4), (64, 4), (112, 4), (184, 4), (352, 1))
"""(channels, layers) of each stage."""
STEM_CHANNELS: Final = 16
_IMAGE_CHANNELS: Final = 3


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What does not depend on the architecture."""

    image: int
    """Height and width of the input in pixels."""
    stem_stride: int
    strides: tuple[int, ...]
    """Of the first layer of each stage; the others have 1."""
    header_channels: int
    classes: int


SKELETONS: Final = {
    "cifar100": Skeleton(32, 1, (1, 1, 2, 2, 1, 2, 1), 1504, 100),
    "ImageNet": Skeleton(224, 2, (1, 2, 2, 2, 1, 2, 1), 1984, 1000),
}


@cache
def layer_shapes(dataset: str) -> tuple[LayerShape, ...]:
    """The 22 layers of a data set's skeleton, in order; InputError for another data set than the two."""
    skeleton = _skeleton(dataset)
    size, inputs = skeleton.image // skeleton.stem_stride, STEM_CHANNELS
    shapes = []
    for (outputs, layers), first_stride in zip(STAGES, skeleton.strides, strict=True):
        for layer in range(layers):
            stride = first_stride if layer == 0 else 1
            shapes.append(LayerShape(size, inputs, outputs, stride))
            size, inputs = size // stride, outputs
    return tuple(shapes)


def fixed_keys(dataset: str) -> tuple[str, ...]:
    """Keys that every network has: stem, header, pooling, classifier."""
    skeleton = _skeleton(dataset)
    last = layer_shapes(dataset)[-1]
    size = last.size // last.stride
    header = skeleton.header_channels
    return (
        _convolution(skeleton.image, _IMAGE_CHANNELS, STEM_CHANNELS, 3, skeleton.stem_stride),
        _convolution(size, last.outputs, header, 1, 1),
        f"AvgP_H{size}_W{size}_Cin{header}_Cout{header}_kernel{size}_stride1",
        f"FC_Cin{header}_Cout{skeleton.classes}",
    )


def layer_key(shape: LayerShape, op: int) -> str:
    """The key of an operator on a layer of this shape."""
    layer = f"H{shape.size}_W{shape.size}_Cin{shape.inputs}_Cout{shape.outputs}"
    if op == SKIP:
        return f"Skip_{layer}_stride{shape.stride}"
    choice = CHOICES[op]
    return f"ConvBlock_{layer}_exp{choice.expansion}_kernel{choice.kernel}_stride{shape.stride}_group{choice.groups}"


def total(table: Mapping[str, float], arch: Sequence[int], dataset: str) -> float:
    """The figure of a network, in the table's unit: the sum of its 26 parts.

    Raises InputError for an architecture that is none, or a key that the table lacks.
    """
    if len(arch) != LAYERS or not all(0 <= op < len(OPS) for op in arch):
        raise InputError(f"{list(arch)!r:.80} is no FBNet architecture: {LAYERS} numbers from 0 to {SKIP} are needed")
    shapes = layer_shapes(dataset)
    keys = (*fixed_keys(dataset), *(layer_key(shape, op) for shape, op in zip(shapes, arch, strict=True)))
    missing = [key for key in keys if key not in table]
    if missing:
        raise InputError(f"the table has no {missing[0]}, which {dataset} needs; import the whole file")
    return sum(table[key] for key in keys)


def _skeleton(dataset: str) -> Skeleton:
    if dataset not in SKELETONS:
        raise InputError(f"FBNet was measured on {' and '.join(SKELETONS)}, not on {dataset!r:.40}")
    return SKELETONS[dataset]


def _convolution(size: int, inputs: int, outputs: int, kernel: int, stride: int) -> str:
    return f"ConvNorm_H{size}_W{size}_Cin{inputs}_Cout{outputs}_kernel{kernel}_stride{stride}_group1"
