"""Evaluates randomly drawn encoded sub-networks: what the predictor of their accuracy learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from nasc_sdk.candidate import INT8, Candidate, CutEncoding, Entropy
from nasc_sdk.ir.network import Network
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.blocks import ENCODINGS, fits
from nasc_search.encodings.encoded import encoded_float
from nasc_search.supernet.model import Supernet


def lossy(network: Network, cut: int, *, encoders: bool = True) -> tuple[CutEncoding, ...]:
    """Encodings of a cut that lose accuracy, each once whatever its entropy coding."""
    last, spec = network.cuts[-1], network.cut_spec(cut)
    return tuple(
        encoding
        for encoding in ENCODINGS
        if encoding.entropy is Entropy.NONE
        and encoding != INT8
        and fits(encoding, cut, last, spec)
        and (encoders or not encoding.bottleneck)
    )


def draw_encoded(supernet: Supernet, archs: tuple[str, ...], seed: int) -> Iterator[Candidate]:
    """Endless: an architecture after the other, each with a cut and an encoding, uniformly."""
    rng = np.random.default_rng(seed)
    while True:
        for arch in archs:
            network = supernet.space.network(arch)
            choices = [
                (cut, encoding)
                for cut in range(1, network.cuts[-1])
                for encoding in lossy(network, cut, encoders=supernet.encoded)
            ]
            yield Candidate(arch, *choices[int(rng.integers(len(choices)))])


def evaluate_encoded(
    supernet: Supernet,
    dataset: Dataset,
    archs: tuple[str, ...],
    count: int,
    seed: int,
    known: dict[str, float],
    report: Callable[[int, int, dict[str, float]], None],
) -> dict[str, float]:
    """Accuracy of ``count`` of them on the validation images, 0..1, by :func:`nasc_search.accuracy.keys.accuracy_key`.

    Those ``known`` already are not evaluated again.
    """
    calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
    images = torch.from_numpy(dataset.normalise(dataset.validation.images))
    labels = torch.from_numpy(dataset.validation.labels)
    found = dict(known)
    supernet.eval()
    for done, candidate in zip(range(count), draw_encoded(supernet, archs, seed), strict=False):
        key = accuracy_key(candidate)
        if key not in found:
            network = supernet.space.network(candidate.arch)
            folded, _ = encoded_float(supernet, network, candidate.cut, candidate.encoding, calibration)
            found[key] = folded.accuracy(images, labels)
        report(done + 1, count, found)
    return found
