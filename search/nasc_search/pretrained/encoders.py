"""Encoders and decoders for the cuts of a pretrained folder, and what they cost in accuracy.

Without an architecture they belong to the shared weights and change ``supernet.safetensors``; with one they are trained
together with that sub-network's own weights, and kept in ``own`` beside what :mod:`.winner` leaves.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nasc_sdk.candidate import Candidate
from nasc_sdk.durable import make_directory
from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.encoded import encoded_float
from nasc_search.encodings.measure import evaluate_encoded, lossy
from nasc_search.encodings.train import train_encoders
from nasc_search.joint.table import accuracy_key
from nasc_search.pretrained.load import ACCURACY, CODED, OWN, SUPERNET, load_accuracies, save_accuracies
from nasc_search.supernet.checkpoint import load, save
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.own_weights import OwnWeights
from nasc_search.supernet.pace import StepReport
from nasc_search.supernet.retrain import accuracy_of, folded

_SAVE_EVERY = 20
Evaluated = Callable[[int, int, dict[str, float]], None]
"""done, total, what is known so far."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """What came of it."""

    arch: str
    """Empty for the shared weights."""
    plain: float
    """Validation accuracy of ``arch`` without any encoding, 0..1; 0 for the shared weights."""
    evaluated: int
    """Encoded sub-networks whose accuracy is known now."""


def train_shared_encoders(
    folder: Path, dataset: Dataset, options: TrainOptions, evaluate: int, report: Callable[[StepReport], None],
    evaluated: Evaluated,
) -> Encoders:  # fmt: skip
    """Train them for all architectures, other weights staying as they are, and evaluate some encoded sub-networks.

    Ctrl-C keeps what was learnt; another call goes on from it. Raises InputError for a folder without a supernet.
    """
    path = folder / SUPERNET
    checkpoint = load(path)
    supernet = with_encoders(checkpoint.supernet, options.seed)
    try:
        train_encoders(supernet, dataset, options, report)
    finally:
        save(path, supernet, checkpoint.progress, {})
        # They belong to the encoders that were there before.
        (folder / CODED).unlink(missing_ok=True)
    archs = tuple(load_accuracies(folder / ACCURACY))

    def keep(done: int, total: int, found: dict[str, float]) -> None:
        if done % _SAVE_EVERY == 0 or done == total:
            save_accuracies(folder / CODED, found)
        evaluated(done, total, found)

    found = evaluate_encoded(supernet, dataset, archs, evaluate, options.seed, {}, keep) if evaluate else {}
    return Encoders("", 0.0, len(found))


def train_own_encoders(
    folder: Path, arch: str, dataset: Dataset, options: TrainOptions, report: Callable[[StepReport], None],
    evaluated: Evaluated,
) -> Encoders:  # fmt: skip
    """Train one sub-network and its encoders together, from its own weights where it has some, and evaluate each cut.

    Ctrl-C keeps nothing. Raises InputError for an unknown architecture or a folder without a supernet.
    """
    shared = with_encoders(load(folder / SUPERNET).supernet, options.seed)
    shared.space.network(arch)
    directory = make_directory(folder / OWN)
    own = OwnWeights(directory, hashlib.sha256((folder / SUPERNET).read_bytes()).hexdigest()[:16])
    trained = own.get(arch, shared) or copy.deepcopy(shared)
    train_encoders(trained, dataset, options, report, arch=arch, joint=True)
    own.put(arch, trained)
    plain = accuracy_of(folded(trained, arch, dataset), dataset, dataset.validation)
    coded = evaluate_cuts(trained, arch, dataset, evaluated)
    for name, found in ((ACCURACY, {arch: plain}), (CODED, coded)):
        path = directory / name
        save_accuracies(path, (load_accuracies(path) if path.exists() else {}) | found)
    return Encoders(arch, plain, len(coded))


def with_encoders(supernet: Supernet, seed: int) -> Supernet:
    """The supernet itself if it has encoders, else a copy with some that know nothing."""
    if supernet.encoded:
        return supernet
    made = Supernet(supernet.space, seed, encoded=True)
    missing = set(made.load_state_dict(supernet.state_dict(), strict=False).missing_keys)
    assert missing == set(made.state_of(made.coders)), "encoders and nothing else were missing"
    return made


def evaluate_cuts(supernet: Supernet, arch: str, dataset: Dataset, evaluated: Evaluated) -> dict[str, float]:
    """Validation accuracy of every encoding of every cut that loses any, by key; InputError without encoders."""
    if not supernet.encoded:
        raise InputError("this supernet has no encoders")
    network = supernet.space.network(arch)
    calibration, images = (
        torch.from_numpy(dataset.normalise(split.images)) for split in (dataset.calibration, dataset.validation)
    )
    labels = torch.from_numpy(dataset.validation.labels)
    candidates = [Candidate(arch, cut, encoding) for cut in network.cuts for encoding in lossy(network, cut)]
    found: dict[str, float] = {}
    for done, candidate in enumerate(candidates, start=1):
        made, _ = encoded_float(supernet, network, candidate.cut, candidate.encoding, calibration)
        found[accuracy_key(candidate)] = made.accuracy(images, labels)
        evaluated(done, len(candidates), found)
    return found
