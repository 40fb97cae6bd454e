"""``python -m nasc_search.pretrained.ship RUN``: copy a finished run into the package, weights without momentum."""

from __future__ import annotations

import sys
from pathlib import Path

from nasc_search.joint.catalogue import open_catalogue
from nasc_search.pretrained.load import ACCURACY, CATALOGUE, CODED, SUPERNET, load_accuracies, save_accuracies
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


if __name__ == "__main__":
    ship(Path(sys.argv[1]), Path(__file__).parent / "fashion_mnist")
