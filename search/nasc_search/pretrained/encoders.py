"""Encoders and decoders for the cuts of a pretrained folder, and what they cost in accuracy.

Without an architecture they belong to the shared weights and change ``supernet.safetensors``; with one they are trained
together with that sub-network's own weights, and kept in ``own`` beside what :mod:`.winner` leaves; with a cut as well,
what follows the head is trained for that one candidate.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nasc_sdk.candidate import Candidate
from nasc_sdk.durable import make_directory
from nasc_sdk.errors import InputError
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.encoded import encoded_float
from nasc_search.encodings.measure import evaluate_encoded, lossy
from nasc_search.encodings.train import train_encoders, train_for_cut
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
    """Train one sub-network and its encoders together, then these alone; from its own weights where it has some.

    All encodings of all cuts are evaluated.

    Ctrl-C keeps nothing. Raises InputError for an unknown architecture or a folder without a supernet.
    """
    shared = with_encoders(load(folder / SUPERNET).supernet, options.seed)
    shared.space.network(arch)
    own, directory = _own(folder)
    trained = own.get(arch, shared) or copy.deepcopy(shared)
    train_encoders(trained, dataset, options, report, arch=arch, joint=True)
    train_encoders(trained, dataset, replace(options, seed=options.seed + 1), report, arch=arch)
    own.put(arch, trained)
    plain = accuracy_of(folded(trained, arch, dataset), dataset, dataset.validation)
    coded = evaluate_cuts(trained, arch, dataset, evaluated)
    _remember(directory / ACCURACY, {arch: plain})
    _remember(directory / CODED, coded)
    return Encoders(arch, plain, len(coded))


def train_one_cut(
    folder: Path, candidate: Candidate, dataset: Dataset, options: TrainOptions, report: Callable[[StepReport], None]
) -> Encoders:
    """Train what follows the head of one encoded candidate, and keep it where it is more accurate than before.

    Ctrl-C keeps nothing. Raises InputError for an unknown architecture, cut or encoding, and without a supernet.
    """
    shared = with_encoders(load(folder / SUPERNET).supernet, options.seed)
    own, directory = _own(folder)
    base = own.get(candidate.arch, shared) or shared
    before = _accuracy_of(own.get(accuracy_key(candidate), base) or base, candidate, dataset)
    trained = train_for_cut(base, dataset, options, report, candidate)
    after = _accuracy_of(trained, candidate, dataset)
    if after > before:
        own.put_cut(candidate, trained)
    _remember(directory / CODED, {accuracy_key(candidate): max(before, after)})
    plain = accuracy_of(folded(base, candidate.arch, dataset), dataset, dataset.validation)
    return Encoders(candidate.arch, plain, 1)


def _own(folder: Path) -> tuple[OwnWeights, Path]:
    directory = make_directory(folder / OWN)
    return OwnWeights(directory, hashlib.sha256((folder / SUPERNET).read_bytes()).hexdigest()[:16]), directory


def _remember(path: Path, found: dict[str, float]) -> None:
    save_accuracies(path, (load_accuracies(path) if path.exists() else {}) | found)


def _accuracy_of(supernet: Supernet, candidate: Candidate, dataset: Dataset) -> float:
    calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
    network = supernet.space.network(candidate.arch)
    made, _ = encoded_float(supernet, network, candidate.cut, candidate.encoding, calibration)
    return accuracy_of(made, dataset, dataset.validation)


def with_encoders(supernet: Supernet, seed: int) -> Supernet:
    """The supernet itself if it has encoders, else a copy with some that know nothing."""
    if supernet.encoded:
        return supernet
    made = Supernet(supernet.space, seed, encoded=True)
    missing = set(made.load_state_dict(supernet.state_dict(), strict=False).missing_keys)
    assert missing <= set(made.state_of(made.coders)), "encoders and nothing else are missing"
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
