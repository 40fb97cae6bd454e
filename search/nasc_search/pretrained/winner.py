"""One sub-network of a pretrained folder, trained alone and kept in the folder beside the supernet.

``FOLDER/own`` is where the search service looks for such weights, as
:class:`nasc_search.supernet.own_weights.OwnWeights` names them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nasc_sdk.durable import make_directory
from nasc_search.data.dataset import Dataset
from nasc_search.pretrained.load import ACCURACY, OWN, SUPERNET, load_accuracies, save_accuracies
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.loss import Teacher
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.own_weights import OwnWeights
from nasc_search.supernet.pace import StepReport
from nasc_search.supernet.quantization_aware import harden
from nasc_search.supernet.retrain import FineTuned, accuracy_of, retrain

CHECKPOINT: Final = "winner.safetensors"
_GENTLY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Winner:
    """What came of it; accuracies 0..1, ``test`` on images that chose nothing."""

    arch: str
    tuned: FineTuned
    test: float
    kept: bool
    """Whether it was better than the weights that were there."""


def train_winner(
    folder: Path,
    arch: str,
    dataset: Dataset,
    options: TrainOptions,
    teacher: Teacher | None,
    report: Callable[[StepReport], None],
    *,
    inherit: bool = True,
) -> Winner:
    """Train ``arch`` and keep it in ``folder`` where that is better.

    An interrupted training goes on from ``FOLDER/own/winner.safetensors`` when it is called with the same arguments.
    Quantization-aware training follows where int8 costs more than 0.5 points. Raises InputError for an unknown
    architecture, a folder without a supernet, and for a checkpoint of another training.
    """
    supernet = load(folder / SUPERNET).supernet.eval()
    supernet.space.network(arch)
    directory = make_directory(folder / OWN)
    digest = hashlib.sha256((folder / SUPERNET).read_bytes()).hexdigest()[:16]
    own, accuracies = OwnWeights(directory, digest), directory / ACCURACY
    known = load_accuracies(accuracies) if accuracies.exists() else {}
    path = directory / CHECKPOINT
    tuned = retrain(
        supernet, arch, dataset, options, teacher, report=report, inherit=inherit, path=path, resume=path.exists()
    )
    gently = replace(options, steps=max(1, options.steps // 4), learning_rate=options.learning_rate * _GENTLY)
    tuned = harden(tuned, dataset, gently, teacher, report=report)
    kept = tuned.better and tuned.accuracy_after > known.get(arch, 0.0)
    if kept:
        own.put(arch, tuned.supernet)
        save_accuracies(accuracies, known | {arch: tuned.accuracy_after})
    path.unlink(missing_ok=True)
    return Winner(arch, tuned, accuracy_of(tuned.network, dataset, dataset.test), kept)
