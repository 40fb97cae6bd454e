"""FBNet's layers (Wu et al. 2019, arXiv 1812.03443; HW-NAS-Bench's variant for 32x32 images) as a sum.

22 layers in sequence, nine choices each. Layers of one shape share their coefficients, and what a choice costs is
counted against ``skip``: that is all that end-to-end figures can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_search.fewshot.basis import Basis, Reach
from nasc_search.measured.fbnet import CHOICES, SKIP, LayerShape, layer_shapes
from nasc_search.measured.npz import SpaceName

if TYPE_CHECKING:
    from numpy.typing import NDArray


LAYERS: Final = layer_shapes("cifar100")
SHAPES: Final = tuple(dict.fromkeys(LAYERS))
_AT: Final = np.array([SHAPES.index(layer) for layer in LAYERS])
_WORK: Final = np.array([0.0, *(choice.macs(shape) for shape in SHAPES for choice in CHOICES)])
_TYPICAL_MACS: Final = sum(choice.macs(shape) for shape in LAYERS for choice in CHOICES) / (len(CHOICES) + 1)
"""Of the layers of a network with random choices."""


def _describe(shape: LayerShape) -> str:
    return f"{shape.size}x{shape.size}x{shape.inputs}>{shape.outputs}/{shape.stride}"


def _chosen(arch: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n, 22, 8] One where a layer takes a choice, all zero for ``skip``."""
    return np.asarray(arch[:, :, None] == np.arange(SKIP), np.float64)


def _features(arch: NDArray[np.int64], _: Reach) -> NDArray[np.float64]:
    chosen = _chosen(arch)
    shapes = np.stack([chosen[:, at == _AT].sum(axis=1) for at in range(len(SHAPES))], axis=1)
    return np.column_stack([np.ones(len(arch)), shapes.reshape(len(arch), -1)])


def _macs(arch: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(_features(arch, Reach.EVERY) @ _WORK)


LAYER_BASIS: Final = Basis(
    space=SpaceName.FBNET,
    names=("network", *(f"{choice.name} {_describe(shape)}" for shape in SHAPES for choice in CHOICES)),
    spread=np.array([0.05, *[0.002] * (len(SHAPES) * len(CHOICES))]),
    work=_WORK / _TYPICAL_MACS,
    reaches={Reach.EVERY: 1.0},
    features=_features,
    macs=_macs,
    operators=lambda arch: _chosen(arch).sum(axis=1),
)
