"""Evaluates randomly drawn sub-networks with the supernet's weights: what the accuracy predictor learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch

from nasc_search.data.dataset import Dataset
from nasc_search.spaces.space import ChoiceSpace, EnumerableSpace, SearchSpace
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet

_DRAWS_EACH: Final = 20
"""Of a space that cannot be listed, for each architecture: enough for most of the smallest ones."""
_LEANING: Final = 0.4
"""Concentration of the choices' probabilities: two or three choices make up most of an architecture."""


def draw(space: SearchSpace, count: int, seed: int) -> tuple[str, ...]:
    """Distinct architectures, uniformly; fewer where the space has no more.

    Of many independent choices every second one leans to some of them: uniform draws are all about as large, while a
    search ends at the ends.
    """
    rng = np.random.default_rng(seed)
    if not isinstance(space, EnumerableSpace):
        drawn = (
            _leaning(space, rng) if number % 2 and isinstance(space, ChoiceSpace) else space.sample(rng)
            for number in range(_DRAWS_EACH * count)
        )
        return tuple(dict.fromkeys(drawn))[:count]
    chosen = rng.choice(len(space.archs), size=min(count, len(space.archs)), replace=False)
    return tuple(space.archs[index] for index in chosen.tolist())


def _leaning(space: ChoiceSpace, rng: np.random.Generator) -> str:
    """One architecture whose choices are drawn with probabilities of its own."""
    liked = rng.dirichlet(np.full(max(space.choices), _LEANING))
    shares = (liked[:size] / liked[:size].sum() for size in space.choices)
    return space.decode([int(rng.choice(len(share), p=share)) for share in shares])


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
