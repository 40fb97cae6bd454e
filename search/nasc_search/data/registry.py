"""``--dataset NAME`` to a Dataset: the shipped one, torchvision's CIFAR, or a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset

NAMES: Final = ("fashion-mnist", "cifar10", "cifar100", "folder")


def load_dataset(name: str, folder: Path | None, *, need_train: bool = False) -> Dataset:
    """The data set called ``name``; ``folder`` holds its files. Raises InputError when it cannot be had."""
    if name == "fashion-mnist":
        from nasc_search.data import fashion_mnist

        return fashion_mnist.load(folder, need_train=need_train)
    if name not in NAMES:
        raise InputError(f"no data set {name!r}; known: {', '.join(NAMES)}")
    if folder is None:
        raise InputError(f"--dataset {name} needs --data FOLDER")
    if name == "folder":
        from nasc_search.data import image_folder

        return image_folder.load(folder)
    from nasc_search.data import cifar

    return cifar.load(name, folder)
