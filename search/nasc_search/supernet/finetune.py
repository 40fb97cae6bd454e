"""Fine-tuning: some epochs of retraining from the shared weights, as the search service does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.fold import FoldedNetwork
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import StepReport
from nasc_search.supernet.quantization_aware import harden
from nasc_search.supernet.retrain import FineTuned, retrain

MAX_EPOCHS: Final = 200
LEARNING_RATE: Final = 0.02
"""Peak; lower than a training from nothing needs."""


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

    It begins with the shared weights, and is trained for int8 afterwards where that costs more than 0.5 points.
    ``present`` is what it has to be better than, by default the sub-network with
    the shared weights: one that was fine-tuned before may already be better than that.

    Raises InputError for an unknown architecture, for epochs outside 1..200, and where only the shipped part of the
    data is present.
    """
    if not 1 <= epochs <= MAX_EPOCHS:
        raise InputError(f"{epochs} epochs of fine-tuning are outside 1..{MAX_EPOCHS}")
    images = 0 if dataset.train is None else len(dataset.train)
    options = TrainOptions(max(epochs * images // batch, 1), batch, learning_rate, seed)
    tuned = retrain(supernet, arch, dataset, options, report=report, present=present)
    if not tuned.better:
        return tuned
    gently = replace(options, steps=max(options.steps // 4, 1), learning_rate=learning_rate / 4)
    return harden(tuned, dataset, gently, report=report)
