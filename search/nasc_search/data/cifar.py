"""CIFAR-10 and CIFAR-100 through torchvision, from files that are already there; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasc_sdk.errors import InputError, MissingExtraError
from nasc_search.data.dataset import Dataset, Split
from nasc_search.data.split import held_out, statistics


def load(name: str, folder: Path) -> Dataset:
    """``cifar10`` or ``cifar100`` from torchvision's files in ``folder``; InputError when they are not there."""
    try:
        from torchvision import datasets
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchvision", "cifar") from error
    kind = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    try:
        parts = [kind(str(folder), train=train, download=False) for train in (True, False)]
    except RuntimeError as error:
        raise InputError(f"{folder} holds no {name}: {error}") from error
    whole, test = (_split(part) for part in parts)
    train, validation, calibration = held_out(whole)
    mean, std = statistics(train)
    return Dataset(name, tuple(parts[0].classes), mean, std, train, validation, calibration, test)


def _split(part: Any) -> Split:
    return Split(np.asarray(part.data, np.uint8), np.asarray(part.targets, np.int64))
