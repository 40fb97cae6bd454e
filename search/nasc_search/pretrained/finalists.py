"""The most promising sub-networks of a pretrained folder, each trained alone: shared weights rank only roughly.

What is finished is kept in ``FOLDER/own/finalists.json`` until all are, so that an interrupted run trains none twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError
from nasc_search.accuracy.alone import alone_score
from nasc_search.data.dataset import Dataset
from nasc_search.pretrained.load import ACCURACY, OWN, SUPERNET, load_accuracies
from nasc_search.pretrained.winner import Winner, train_winner
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.loss import Teacher
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import StepReport

UNFINISHED: Final = "finalists.json"


class Finalist(msgspec.Struct, frozen=True):
    """What came of one, as ``--json`` tells it; accuracies 0..1, those on the test images chose nothing."""

    arch: str
    validation_accuracy_before: float
    validation_accuracy: float
    validation_accuracy_int8: float | None
    test_accuracy: float
    kept: bool

    @classmethod
    def of(cls, winner: Winner) -> Finalist:
        """Its figures alone."""
        tuned = winner.tuned
        return cls(
            winner.arch, tuned.accuracy_before, tuned.accuracy_after, tuned.int8_accuracy, winner.test, winner.kept
        )


class _Progress(msgspec.Struct, frozen=True):
    run: str
    """Digest of supernet and recipe."""
    done: tuple[Finalist, ...] = ()


def most_promising(folder: Path, count: int) -> tuple[str, ...]:
    """Evaluated architectures by :func:`alone_score`, the best first; InputError when fewer than one were evaluated."""
    accuracies = load_accuracies(folder / ACCURACY)
    if not accuracies:
        raise InputError(f"{folder / ACCURACY} is empty; name the sub-network with --arch")
    space = load(folder / SUPERNET).supernet.space
    scores = {arch: alone_score(space.network(arch), accuracy) for arch, accuracy in accuracies.items()}
    return tuple(sorted(scores, key=lambda arch: (-scores[arch], arch))[:count])


def train_finalists(
    folder: Path,
    archs: tuple[str, ...],
    dataset: Dataset,
    options: TrainOptions,
    teacher: Teacher | None,
    report: Callable[[StepReport], None],
    finished: Callable[[Finalist], None],
    *,
    inherit: bool = True,
) -> tuple[Finalist, ...]:
    """Train each as :func:`train_winner` does and keep it where it is better; the most accurate one first.

    ``finished`` hears of each when it is, also of those that an interrupted run with the same arguments had finished.
    """
    path = folder / OWN / UNFINISHED
    supernet = folder / SUPERNET
    # Without one the first training says so.
    digest = hashlib.sha256(supernet.read_bytes() if supernet.is_file() else b"")
    digest.update(repr((archs, dataset.name, options, teacher and teacher.version, inherit)).encode())
    progress = _load(path, digest.hexdigest())
    for arch in archs:
        found = next((one for one in progress.done if one.arch == arch), None)
        if found is None:
            winner = train_winner(folder, arch, dataset, options, teacher, report, inherit=inherit)
            found = Finalist.of(winner)
            progress = _Progress(progress.run, (*progress.done, found))
            write_durably(path, msgspec.json.encode(progress))
        finished(found)
    path.unlink(missing_ok=True)
    return tuple(sorted(progress.done, key=lambda one: -max(one.validation_accuracy_before, one.validation_accuracy)))


def _load(path: Path, run: str) -> _Progress:
    """What the same run left; nothing of another one."""
    try:
        progress = msgspec.json.decode(path.read_bytes(), type=_Progress)
    except (OSError, msgspec.DecodeError):
        return _Progress(run)
    return progress if progress.run == run else _Progress(run)
