"""What the blocks of a space's networks cost on paper, and what crosses the boundaries between them.

NAS-Bench-201 is the benchmark's skeleton: stem, three stages of five cells, two reductions, classifier, 16 channels,
32x32x3. FBNet is HW-NAS-Bench's for CIFAR: stem, 22 layers, head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import Block, BlockKind, TensorSpec
from nasc_search.fewshot.basis import Basis, Reach, basis_of
from nasc_search.fewshot.cells import CELL_BASIS
from nasc_search.fewshot.layers import LAYERS
from nasc_search.measured.fbnet import CHOICES, SKELETONS, LayerShape
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import EDGES, EdgeOp, Macro, NB201Space, format_arch

Array = NDArray[np.float64]
IMAGE: Final = TensorSpec(32, 32, 3)
CONVOLUTIONS: Final = [CELL_BASIS.names.index(kind.name.lower()) for kind in (EdgeOp.CONV_1X1, EdgeOp.CONV_3X3)]
"""Columns of NAS-Bench-201's basis that count convolutions of 1x1 and 3x3."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Blocks of a space's networks; every network has the same number of them, B, and B + 1 cuts."""

    space: SpaceName
    blocks: tuple[str, ...]
    cuts: tuple[TensorSpec, ...]
    """[B + 1] What crosses: the image first, the answer last."""
    fixed_macs: Array
    """[B] Of blocks that every network has; 0 for cells and layers."""
    elements: Array
    """[B] Values that a block reads and writes once."""
    calls: Array
    """[B] Operators of blocks that every network has; 1 for cells and layers."""
    chosen_macs: Callable[[NDArray[np.int64], Reach], Array]
    """(architectures, reach) -> [n, B], of cells and layers; 0 for the others."""

    @property
    def is_fixed(self) -> NDArray[np.bool_]:
        """[B] Blocks that do not depend on the architecture."""
        return np.asarray(self.fixed_macs > 0)

    @property
    def basis(self) -> Basis:
        """What totals are a sum of."""
        return basis_of(self.space)


@cache
def anatomy_of(space: SpaceName) -> Anatomy:
    """The anatomy of a space."""
    return {SpaceName.NB201: _cells, SpaceName.FBNET: _layers}[space]()


def _cells() -> Anatomy:
    skips = format_arch((EdgeOp.SKIP,) * len(EDGES))
    blocks = NB201Space(Macro(IMAGE, classes=10, cells_per_stage=5)).network(skips).blocks
    is_cell = np.array([block.kind is BlockKind.CELL for block in blocks])
    fixed = np.where(is_cell, 0, [macs(block) for block in blocks]).astype(np.float64)
    by_kind = np.array([_cell_macs(kernel) for kernel in (1, 3)], np.float64)

    def chosen(arch: NDArray[np.int64], reach: Reach) -> Array:
        # Channels double where the sides halve: a cell costs the same in each stage.
        counts = CELL_BASIS.features(arch, reach)[:, CONVOLUTIONS]
        return np.asarray((counts @ by_kind)[:, None] * is_cell, np.float64)

    return Anatomy(
        space=SpaceName.NB201,
        blocks=tuple(block.name for block in blocks),
        cuts=(IMAGE, *(block.output_spec for block in blocks)),
        fixed_macs=fixed,
        elements=np.array([_elements(block) for block in blocks], np.float64),
        calls=np.where(is_cell, 1, [len(block.ops) for block in blocks]).astype(np.float64),
        chosen_macs=chosen,
    )


def _cell_macs(kernel: int) -> int:
    return 32 * 32 * 16 * 16 * kernel**2


def _elements(block: Block) -> int:
    return block.input.elements + block.output_spec.elements


def _layers() -> Anatomy:
    skeleton = SKELETONS["cifar100"]
    last = LAYERS[-1]
    final = TensorSpec(last.size // last.stride, last.size // last.stride, last.outputs)
    first = TensorSpec(LAYERS[0].size, LAYERS[0].size, LAYERS[0].inputs)
    answer = TensorSpec(1, 1, skeleton.classes)
    cuts = (IMAGE, first, *(_output(shape) for shape in LAYERS), answer)
    header = skeleton.header_channels
    head_macs = final.elements * header + header * skeleton.classes
    stem_macs = first.elements * 9 * IMAGE.channels
    per_choice = np.array([[*(choice.macs(shape) for choice in CHOICES), _skip_macs(shape)] for shape in LAYERS])

    def chosen(arch: NDArray[np.int64], _: Reach) -> Array:
        layers = per_choice[np.arange(len(LAYERS)), arch]
        return np.pad(layers.astype(np.float64), ((0, 0), (1, 1)))

    # Stem, header, pooling and classifier are the benchmark's four fixed parts.
    return Anatomy(
        space=SpaceName.FBNET,
        blocks=("stem", *(f"layer_{number}" for number in range(len(LAYERS))), "head"),
        cuts=cuts,
        fixed_macs=np.array([stem_macs, *[0] * len(LAYERS), head_macs], np.float64),
        elements=np.array([a.elements + b.elements for a, b in pairwise(cuts)], np.float64),
        calls=np.array([1, *[1] * len(LAYERS), 3], np.float64),
        chosen_macs=chosen,
    )


def _output(shape: LayerShape) -> TensorSpec:
    size = shape.size // shape.stride
    return TensorSpec(size, size, shape.outputs)


def _skip_macs(shape: LayerShape) -> int:
    """``skip`` is a 1x1 convolution where the shape changes, and nothing elsewhere."""
    if shape.stride == 1 and shape.inputs == shape.outputs:
        return 0
    return _output(shape).elements * shape.inputs


