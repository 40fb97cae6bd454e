"""A tiny task that can be learnt, and the space for it."""

from __future__ import annotations

import numpy as np
import torch

from nasc_sdk.ir.network import TensorSpec
from nasc_search.data.dataset import Dataset, Split
from nasc_search.spaces.nb201 import Macro, NB201Space

torch.set_num_threads(1)
SPACE = NB201Space(Macro(TensorSpec(8, 8, 1), classes=4, channels=4, cells_per_stage=1))
OTHER = NB201Space(Macro(TensorSpec(8, 8, 1), classes=4, channels=8, cells_per_stage=1))
DENSE_CELL = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


def split(count, seed):
    """Class k is as bright as k, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    images = 60 * labels[:, None, None, None] + rng.integers(0, 40, (count, 8, 8, 1))
    return Split(images.astype(np.uint8), labels.astype(np.int64))


def task(kind=Dataset):
    classes = ("black", "dark", "light", "white")
    return kind("shades", classes, (0.4,), (0.3,), split(256, 0), split(64, 1), split(64, 2), split(64, 3))


def images(count=16, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
