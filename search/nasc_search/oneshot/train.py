"""Trains weights and distribution together, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from nasc_sdk.entropy import EVERYWHERE
from nasc_sdk.errors import InputError
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.data.dataset import Dataset, Split
from nasc_search.encodings.blocks import ENCODINGS
from nasc_search.encodings.encoded import encoded_float
from nasc_search.joint.scored import Scored
from nasc_search.oneshot.candidates import Candidates
from nasc_search.oneshot.distribution import Distribution
from nasc_search.oneshot.setting import Setting
from nasc_search.spaces.space import ChoiceSpace, SearchSpace
from nasc_search.supernet.loss import Teacher
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import Spread, StepReport
from nasc_search.supernet.parallel import ALONE, Group
from nasc_search.supernet.retrain import accuracy_of, folded
from nasc_search.supernet.rules import smallest
from nasc_search.supernet.train import train

EVERY: Final = 5
"""Of the training images, each fifth is held out for theta: it sees one batch a step, as the weights do."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was chosen; accuracies in 0..1 with its batch norm re-calibrated."""

    is_mode: bool
    """Otherwise the mode breaks the constraints, and this is the most likely one that does not."""
    predicted: Scored
    """Its accuracy is the validation accuracy, as the cut's encoding leaves it."""
    plain_accuracy: float
    """Without the encoding, validation."""
    test_accuracy: float
    """With the encoding, on images that chose nothing."""
    spread: Spread

    @property
    def accuracies(self) -> tuple[dict[str, float], dict[str, float]]:
        """Of whole architectures, and of encoded ones, by :func:`nasc_search.accuracy.keys.accuracy_key`."""
        candidate = self.predicted.candidate
        key = accuracy_key(candidate)
        coded = {} if key == candidate.arch else {key: self.predicted.accuracy}
        return {candidate.arch: self.plain_accuracy}, coded


def train_joint(
    space: SearchSpace,
    dataset: Dataset,
    options: TrainOptions,
    setting: Setting,
    path: Path | None,
    report: Callable[[StepReport], None],
    *,
    encoders: bool = False,
    resume: bool = False,
    teacher: Teacher | None = None,
    group: Group = ALONE,
) -> Distribution:
    """Train a supernet of ``space`` as :func:`nasc_search.supernet.train.train` does, and a distribution with it.

    The latter is returned, the former is kept at ``path``.

    With ``encoders`` learned bottlenecks take part. Raises InputError as train does, and for a space without choices;
    InfeasibleError, before anything is written, when nothing keeps the constraints.
    """
    if not isinstance(space, ChoiceSpace):
        raise InputError(f"{space.name} does not say what its choices are: there is nothing to be distributed over")
    if dataset.train is None:
        raise InputError(f"only the shipped part of {dataset.name} is here; name the whole set with --data")
    known = (code for code in ENCODINGS if code.entropy in EVERYWHERE)
    encodings = tuple(code for code in known if encoders or not code.bottleneck)
    candidates = Candidates(space, setting, encodings)
    shown, held_out = split_off(dataset.train)
    distribution = Distribution(candidates, dataset, held_out, options)
    supernet = Supernet(space, options.seed, encoded=encoders)
    # Weights that know nothing tell roughly what entropy coding gains, which may decide whether anything is feasible.
    distribution.measure(supernet, smallest(space))
    candidates.check_feasible(options.seed)
    data = replace(dataset, train=shown)
    train(supernet, data, options, path, report, resume, teacher=teacher, sampler=distribution, group=group)
    if group.is_first:
        distribution.measure(supernet, distribution.chosen()[0].arch)
    return distribution


def split_off(whole: Split) -> tuple[Split, Split]:
    """Images that weights are trained on, and those that theta learns from."""
    of_theta = np.arange(len(whole)) % EVERY == EVERY - 1
    if not of_theta.any():
        raise InputError(f"{len(whole)} training images are too few to hold out one of {EVERY}")
    shown, held_out = (Split(whole.images[rows], whole.labels[rows]) for rows in (~of_theta, of_theta))
    return shown, held_out


def find(distribution: Distribution, supernet: Supernet, dataset: Dataset) -> Found:
    """The chosen candidate with its accuracy; InfeasibleError where the distribution found none."""
    candidate, is_mode = distribution.chosen()
    supernet.eval()
    plain = folded(supernet, candidate.arch, dataset)
    coded = plain
    if accuracy_key(candidate) != candidate.arch:
        calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
        network = supernet.space.network(candidate.arch)
        coded, _ = encoded_float(supernet, network, candidate.cut, candidate.encoding, calibration)
    validation, test = (accuracy_of(coded, dataset, split) for split in (dataset.validation, dataset.test))
    predicted = replace(distribution.candidates.scored(candidate), accuracy=validation, evaluated=True)
    before = accuracy_of(plain, dataset, dataset.validation)
    return Found(is_mode, predicted, before, test, distribution.spread)
