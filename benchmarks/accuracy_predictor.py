"""How well accuracies of sub-networks that nobody evaluated are predicted, held against the 10,000 test images.

    python benchmarks/accuracy_predictor.py                          100 networks, about ten seconds each on one core
    python benchmarks/accuracy_predictor.py --networks 40 --json --keep held_out.json

The predictor is the one that the search service fits to the shipped supernet's evaluated sub-networks; their
accuracies are those on the 2,000 validation images. Held out are networks drawn with a seed of their own, none of them
evaluated before. How well such labels can be predicted at all, their own halves tell: the rank correlation of
accuracies on every second image with those on the others.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from nasc_sdk.durable import write_durably
from nasc_search.accuracy.ranking import kendall, spearman
from nasc_search.accuracy.supernet import SupernetSource
from nasc_search.data.fashion_mnist import load
from nasc_search.pretrained.load import Pretrained, open_pretrained
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.sampling import draw

SEED = 77


def held_out(trained: Pretrained, count: int) -> tuple[str, ...]:
    """Networks that were not evaluated."""
    space = trained.supernet.space
    drawn = draw(space, count + len(trained.evaluated), SEED)
    return tuple(arch for arch in drawn if arch not in trained.evaluated)[:count]


def label(trained: Pretrained, archs: tuple[str, ...], path: Path | None) -> np.ndarray:
    """[networks, 2] accuracies on the even and on the odd test images, 0..1; kept in ``path`` as they come."""
    data = load()
    calibration = torch.from_numpy(data.normalise(data.calibration.images))
    images, labels = torch.from_numpy(data.normalise(data.test.images)), torch.from_numpy(data.test.labels)
    known = json.loads(path.read_text()) if path and path.exists() else {}
    supernet = trained.supernet.eval()
    for done, arch in enumerate(archs):
        if arch in known:
            continue
        network = supernet.space.network(arch)
        folded = FoldedNetwork(network, recalibrate(supernet, network, calibration))
        known[arch] = [folded.accuracy(images[half::2], labels[half::2]) for half in (0, 1)]
        if path:
            write_durably(path, json.dumps(known).encode())
        print(f"{done + 1}/{len(archs)} {np.mean(known[arch]):.4f} {arch}", flush=True)
    return np.asarray([known[arch] for arch in archs])


def main() -> None:
    """Print rank correlations and errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="file that holds what was evaluated, to go on from")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(None, Path(cache))
    archs = held_out(trained, given.networks)
    halves = label(trained, archs, given.keep)
    source = SupernetSource(trained.supernet.space, trained.evaluated)
    predicted, real = source.estimate(archs), halves.mean(axis=1)
    errors = 100 * (predicted - real)
    result = {
        "networks": len(archs),
        "learned_from": len(trained.evaluated),
        "spearman": spearman(predicted, real),
        "kendall": kendall(predicted, real),
        "mean_error_points": float(np.abs(errors).mean()),
        "offset_points": float(errors.mean()),
        "halves_spearman": spearman(*halves.T),
    }
    if given.json:
        print(json.dumps(result))
        return
    print(
        f"{result['networks']} held-out sub-networks, predicted from {result['learned_from']} evaluated ones: "
        f"Spearman {result['spearman']:.3f}, Kendall {result['kendall']:.3f}, "
        f"mean error {result['mean_error_points']:.2f} points ({result['offset_points']:+.2f} on average, the images "
        f"being others); halves of the images agree at Spearman {result['halves_spearman']:.3f}"
    )


if __name__ == "__main__":
    main()
