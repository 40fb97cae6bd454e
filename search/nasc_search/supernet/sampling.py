"""Evaluates randomly drawn sub-networks with the supernet's weights: what the accuracy predictor learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch

from nasc_search.data.dataset import Dataset
from nasc_search.spaces.space import EnumerableSpace, SearchSpace
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet

_DRAWS_EACH: Final = 20
"""Of a space that cannot be listed, for each architecture: enough for most of the smallest ones."""


def draw(space: SearchSpace, count: int, seed: int) -> tuple[str, ...]:
    """Distinct architectures, uniformly; fewer where the space has no more."""
    rng = np.random.default_rng(seed)
    if not isinstance(space, EnumerableSpace):
        return tuple(dict.fromkeys(space.sample(rng) for _ in range(_DRAWS_EACH * count)))[:count]
    chosen = rng.choice(len(space.archs), size=min(count, len(space.archs)), replace=False)
    return tuple(space.archs[index] for index in chosen.tolist())


def evaluate(
    supernet: Supernet,
    dataset: Dataset,
    archs: tuple[str, ...],
    known: dict[str, float],
    report: Callable[[int, int, dict[str, float]], None],
) -> dict[str, float]:
    """Accuracy of each on the validation images, 0..1; those ``known`` already are not evaluated again."""
    calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
    images = torch.from_numpy(dataset.normalise(dataset.validation.images))
    labels = torch.from_numpy(dataset.validation.labels)
    found = dict(known)
    supernet.eval()
    for done, arch in enumerate(archs):
        if arch not in found:
            network = supernet.space.network(arch)
            folded = FoldedNetwork(network, recalibrate(supernet, network, calibration))
            found[arch] = folded.accuracy(images, labels)
        report(done + 1, len(archs), found)
    return found
