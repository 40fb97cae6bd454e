"""Fine-tuning: one sub-network goes on training alone, from the shared weights, which stay as they are."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.train import StepReport, TrainOptions, optimizer_of, take_step

MAX_EPOCHS: Final = 200
LEARNING_RATE: Final = 0.02
"""Peak; lower than a training from nothing needs."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A sub-network with weights of its own, and what that gained; accuracies on the validation images, 0..1."""

    network: FoldedNetwork
    accuracy_before: float
    accuracy_after: float

    @property
    def better(self) -> bool:
        """Whether the new weights are worth keeping."""
        return self.accuracy_after > self.accuracy_before


def finetune(
    supernet: Supernet,
    arch: str,
    dataset: Dataset,
    epochs: int,
    report: Callable[[StepReport], None],
    *,
    present: FoldedNetwork | None = None,
    batch: int = 64,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
) -> FineTuned:
    """Train ``arch`` on the training images for some epochs; deterministic in ``seed``.

    It begins with the shared weights. ``present`` is what it has to be better than, by default the sub-network with
    the shared weights: one that was fine-tuned before may already be better than that.

    Raises InputError for an unknown architecture, for epochs outside 1..200, and where only the shipped part of the
    data is present.
    """
    if dataset.train is None:
        raise InputError(
            f"fine-tuning needs the training images of {dataset.name}, of which only a part is shipped; "
            "start the search service with --data FOLDER"
        )
    if not 1 <= epochs <= MAX_EPOCHS:
        raise InputError(f"{epochs} epochs of fine-tuning are outside 1..{MAX_EPOCHS}")
    network = supernet.space.network(arch)
    own = copy.deepcopy(supernet)
    steps = max(epochs * len(dataset.train) // batch, 1)
    options = TrainOptions(steps, batch, learning_rate, seed)
    optimizer = optimizer_of(own)
    before = _accuracy(present or _folded(supernet, arch, dataset), dataset)
    own.train()
    last, reported = time.monotonic(), 0
    for step in range(steps):
        loss = take_step(own, optimizer, dataset, options, step, network)
        now = time.monotonic()
        if now - last >= 1.0 or step + 1 == steps:
            rate = (step + 1 - reported) / max(now - last, 1e-9)
            report(StepReport(step + 1, steps, float(loss), rate * batch, (steps - step - 1) / max(rate, 1e-9)))
            last, reported = now, step + 1
    tuned = _folded(own.eval(), arch, dataset)
    return FineTuned(tuned, before, _accuracy(tuned, dataset))


def _folded(supernet: Supernet, arch: str, dataset: Dataset) -> FoldedNetwork:
    """The sub-network, batch norm re-calibrated and folded."""
    network = supernet.space.network(arch)
    calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
    return FoldedNetwork(network, recalibrate(supernet, network, calibration))


def _accuracy(network: FoldedNetwork, dataset: Dataset) -> float:
    """On the validation images."""
    validation = torch.from_numpy(dataset.normalise(dataset.validation.images))
    return network.accuracy(validation, torch.from_numpy(dataset.validation.labels))
