"""Accuracies that ``nasc-sdk train --evaluate`` leaves: FBNet's sub-networks with the shared weights of a supernet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.accuracy.kernel_ridge import Array
from nasc_search.measured.archive import read_arrays
from nasc_search.measured.fbnet import LAYERS, OPS


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Sub-networks that were evaluated."""

    codes: NDArray[np.int64]
    """[n, 22] Operators of FBNet's layers."""
    accuracy: Array
    """[n] 0..1, on the validation images."""
    task: str
    """Data set and supernet, as far as the file tells."""


def read_trained(path: Path) -> Trained:
    """Read ``accuracy.npz``; InputError for a file that is none, one of another space, or values outside 0..1."""
    arrays = read_arrays(path)
    archs, accuracy = arrays.get("archs"), arrays.get("accuracy")
    if archs is None or accuracy is None or archs.dtype.kind != "U" or accuracy.dtype.kind != "f":
        raise InputError(
            f"{path} holds no evaluated sub-networks: 'archs' (text) and 'accuracy' (0..1), as nasc-sdk train "
            "--evaluate leaves them; name an array of any other file as FILE.npz:KEY"
        )
    if archs.ndim != 1 or archs.shape != accuracy.shape:
        raise InputError(f"{path}: {accuracy.shape} accuracies for {archs.shape} architectures; one each is needed")
    wrong = np.flatnonzero(~((accuracy >= 0) & (accuracy <= 1)))
    if len(wrong):
        raise InputError(f"{path}: accuracy {accuracy[wrong[0]]} of {archs[wrong[0]]} is not in 0..1")
    codes = np.array([_code(arch, path) for arch in archs.tolist()], np.int64).reshape(-1, LAYERS)
    if len(np.unique(codes, axis=0)) < len(codes):
        raise InputError(f"{path} names an architecture twice; keep one of them")
    return Trained(codes, accuracy.astype(np.float64), _task(arrays))


def _code(arch: str, path: Path) -> list[int]:
    digits = "".join(str(number) for number in range(len(OPS)))
    if len(arch) != LAYERS or not set(arch) <= set(digits):
        raise InputError(
            f"{path}: {arch!r:.80} is no network of FBNet's {LAYERS} layers, a digit from 0 to {len(OPS) - 1} each; "
            "train the supernet with --space fbnet --depth 4"
        )
    return [int(digit) for digit in arch]


def _task(arrays: dict[str, NDArray[Any]]) -> str:
    return str(arrays["task"]) if "task" in arrays else "a supernet that the file does not name"
