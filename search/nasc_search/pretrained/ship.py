"""``python -m nasc_search.pretrained.ship [RUN]``: copy a finished run into the package, weights without momentum.

Without RUN only what entropy coding leaves is measured again: after weights in ``own`` changed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from nasc_search.data.dataset import Dataset
from nasc_search.data.fashion_mnist import load as load_dataset
from nasc_search.joint.catalogue import open_catalogue
from nasc_search.pretrained.load import (
    ACCURACY,
    CATALOGUE,
    CODED,
    SUPERNET,
    load_accuracies,
    open_pretrained,
    save_accuracies,
)
from nasc_search.pretrained.shares import SHARES, measure_shares, save_shares
from nasc_search.service.workshop import open_workshop
from nasc_search.spaces.space import listed
from nasc_search.supernet.checkpoint import load, save


def ship(checkpoint_path: Path, target: Path) -> None:
    """Weights, accuracies and catalogue of a run, as the search service opens them."""
    checkpoint = load(checkpoint_path)
    save(target / SUPERNET, checkpoint.supernet, checkpoint.progress, {})
    save_accuracies(target / ACCURACY, load_accuracies(checkpoint_path.with_name(ACCURACY)))
    coded = checkpoint_path.with_name(CODED)
    if coded.exists():
        save_accuracies(target / CODED, load_accuracies(coded))
    open_catalogue(listed(checkpoint.supernet.space), target / CATALOGUE)


def ship_shares(target: Path, dataset: Dataset) -> None:
    """What entropy coding leaves of the cuts of a shipped folder's most accurate network."""
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(target, Path(cache))
        workshop = open_workshop(trained, dataset, Path(cache))
        measured = measure_shares(trained.weights, trained.evaluated, workshop.shares)
    save_shares(target / SHARES, measured)


if __name__ == "__main__":
    folder = Path(__file__).parent / "fashion_mnist"
    for run in map(Path, sys.argv[1:2]):
        ship(run, folder)
    ship_shares(folder, load_dataset())
