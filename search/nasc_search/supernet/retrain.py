"""Retraining: one sub-network trained alone, from the shared weights or from nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset, Split
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.loss import Teacher
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import StepReport
from nasc_search.supernet.train import train


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A sub-network with weights of its own, and what that gained; accuracies on the validation images, 0..1."""

    network: FoldedNetwork
    supernet: Supernet
    """A copy of the shared weights in which those of this sub-network are its own."""
    accuracy_before: float
    accuracy_after: float
    int8_accuracy: float | None = None
    """Of the whole network in int8, where it was looked at."""

    @property
    def better(self) -> bool:
        """Whether the new weights are worth keeping."""
        return self.accuracy_after > self.accuracy_before


def retrain(
    supernet: Supernet,
    arch: str,
    dataset: Dataset,
    options: TrainOptions,
    teacher: Teacher | None = None,
    *,
    report: Callable[[StepReport], None] = lambda step: None,
    inherit: bool = True,
    present: FoldedNetwork | None = None,
    path: Path | None = None,
    resume: bool = False,
) -> FineTuned:
    """Train ``arch`` alone on the training images; deterministic in ``options.seed``; ``supernet`` stays as it is.

    It begins with the shared weights or, without ``inherit``, from nothing. With ``options.ema_decay`` the averaged
    weights are the result; with a teacher (any FoldedNetwork of the same classes) its answers are learnt as well.
    ``present`` is what the result is compared with, by default the sub-network with the shared weights. With ``path``
    checkpoints and a log are kept there, from which ``resume`` goes on.

    Raises InputError for an unknown architecture, without training images, and for a ``path`` of another run;
    KeyboardInterrupt ends it between steps, with nothing kept but the checkpoint.
    """
    if dataset.train is None:
        raise InputError(
            f"training needs the training images of {dataset.name}, of which only a part is shipped; "
            "name their folder to who trains: --data FOLDER of nasc-sdk train winner, or of nasc-sdk up for deploy"
        )
    before = accuracy_of(present or folded(supernet, arch, dataset), dataset, dataset.validation)
    own = copy.deepcopy(supernet) if inherit else Supernet(supernet.space, options.seed, encoded=supernet.encoded)
    train(own, dataset, options, path, report, resume, arch=arch, teacher=teacher)
    tuned = folded(own.eval(), arch, dataset)
    return FineTuned(tuned, own, before, accuracy_of(tuned, dataset, dataset.validation))


def folded(supernet: Supernet, arch: str, dataset: Dataset) -> FoldedNetwork:
    """The sub-network, batch norm re-calibrated and folded."""
    network = supernet.space.network(arch)
    calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
    return FoldedNetwork(network, recalibrate(supernet, network, calibration))


def accuracy_of(network: FoldedNetwork, dataset: Dataset, split: Split) -> float:
    """Share of correct answers on a split of the data set, 0..1."""
    images = torch.from_numpy(dataset.normalise(split.images))
    return network.accuracy(images, torch.from_numpy(split.labels))
