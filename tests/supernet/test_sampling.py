"""Which sub-networks are evaluated."""

import numpy as np

from nasc_sdk.ir.network import TensorSpec
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.supernet.sampling import draw

SPACE = FBNetSpace(FBNetMacro.of(CIFAR, TensorSpec(8, 8, 1), 10, 0.1))


def test_half_are_drawn_uniformly_and_half_reach_for_the_ends():
    codes = np.array([SPACE.encode(arch) for arch in draw(SPACE, 200, 0)])
    assert codes.shape == (200, 22)
    counts = (codes[:, :, None] == np.arange(9)).sum(axis=1)
    # Of 22 uniform choices one of nine makes up 2.4 at the mean, and 11 in one draw of ten thousand.
    assert 30 < (counts.max(axis=1) >= 11).sum() < 100
    assert counts[::2].max() < 11
    # Every operator leads somewhere, skip and the heaviest among them.
    assert (counts.max(axis=0) >= 12).all()
