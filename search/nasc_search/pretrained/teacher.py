"""``--teacher FILE[:ARCH]``: a sub-network of a checkpoint that others learn from."""

from __future__ import annotations

from pathlib import Path

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset
from nasc_search.pretrained.load import ACCURACY, load_accuracies
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.fold import FoldedNetwork
from nasc_search.supernet.retrain import folded


def load_teacher(text: str, dataset: Dataset) -> FoldedNetwork:
    """The sub-network, calibrated on the data set; without ARCH the most accurate one in accuracy.npz beside the file.

    Raises InputError when there is none, or when it sees other images or tells other classes than the data set's.
    """
    file, _, arch = text.partition(":")
    path = Path(file)
    space = (supernet := load(path).supernet).space
    if not arch:
        accuracies = load_accuracies(path.with_name(ACCURACY))
        if not accuracies:
            raise InputError(f"{path.with_name(ACCURACY)} is empty; name the teacher: {file}:ARCH")
        arch = max(accuracies, key=lambda name: accuracies[name])
    network = space.network(arch)
    if network.input != dataset.input or network.output.channels != len(dataset.classes):
        raise InputError(
            f"{path} is trained for {network.input} images of {network.output.channels} classes; "
            f"{dataset.name} has {dataset.input} and {len(dataset.classes)}"
        )
    return folded(supernet.eval(), arch, dataset)
