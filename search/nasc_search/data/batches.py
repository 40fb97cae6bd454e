"""The batch of a training step, as a function of a seeded generator, whole or one process's share of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.data.augment import augment, draw
from nasc_search.data.augmentations import Augmentation
from nasc_search.data.dataset import Dataset, Split


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of every batch is ours: the ``rank``-th of ``size`` equal ones."""

    rank: int = 0
    size: int = 1

    def rows(self, batch: int) -> slice:
        """Our images of a batch; InputError when it cannot be divided equally, or leaves one image each."""
        if batch % self.size or batch // self.size < 2:
            raise InputError(f"a batch of {batch} images cannot be shared equally, at least 2 each, by {self.size}")
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


WHOLE: Final = Share()


def draw_batch(
    dataset: Dataset,
    split: Split,
    batch: int,
    asked: tuple[Augmentation, ...],
    rng: np.random.Generator,
    share: Share = WHOLE,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Normalised images (n, H, W, C) and labels (n,); ``rng`` is left in the same state whatever the share."""
    chosen = rng.integers(len(split), size=batch)
    _, height, width, _ = split.images.shape
    draws = draw(asked, batch, height, width, rng)
    if share.size > 1:
        rows = share.rows(batch)
        chosen, draws = chosen[rows], draws.part(rows)
    return dataset.scale(augment(split.images[chosen], draws)), split.labels[chosen]
