"""A small but real catalogue: 400 cells of a small skeleton."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from nasc_sdk.ir.network import TensorSpec
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.spaces.nb201 import Macro, NB201Space


class SomeCells(NB201Space):
    """Every 38th connected cell."""

    @cached_property
    def archs(self):
        return NB201Space(self.macro).archs[::38]


SPACE = SomeCells(Macro(TensorSpec(8, 8, 3), classes=4, channels=8, cells_per_stage=2))


@lru_cache(maxsize=1)
def catalogue():
    return build_catalogue(SPACE)


def random_accuracy(seed, levels=0):
    """Accuracies in 0..1; with few ``levels`` many are equal."""
    rng = np.random.default_rng(seed)
    values = rng.beta(8, 2, len(SPACE.archs))
    return np.round(values * levels) / levels if levels else values
