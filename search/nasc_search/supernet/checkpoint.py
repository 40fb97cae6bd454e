"""Checkpoints in safetensors: weights, momentum and where training stands; written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError, MissingExtraError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.supernet.model import Supernet

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands; with the checkpoint it continues as if it had not been interrupted."""

    dataset: str
    seed: int
    step: int
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded checkpoint; ``momentum`` is empty where only weights were shipped."""

    supernet: Supernet
    progress: Progress
    momentum: dict[str, torch.Tensor]


def save(path: Path, supernet: Supernet, progress: Progress, momentum: dict[str, torch.Tensor]) -> None:
    """Write beside the target and rename; raises StorageError with the old file intact when the disk refuses."""
    try:
        from safetensors.torch import save as serialise
    except ModuleNotFoundError as error:
        raise MissingExtraError("safetensors", "search") from error

    space = supernet.space
    assert isinstance(space, NB201Space)
    tensors = {f"weights.{name}": tensor.contiguous() for name, tensor in supernet.state_dict().items()}
    tensors |= {f"momentum.{name}": tensor.contiguous() for name, tensor in momentum.items()}
    metadata = {
        "format": str(FORMAT),
        "space": "nb201",
        "macro": json.dumps(asdict(space.macro)),
        "progress": json.dumps(asdict(progress)),
    }
    make_directory(path.parent)
    write_durably(path, serialise(tensors, metadata))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises InputError when it is missing, truncated, or of another format or space."""
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError as error:
        raise MissingExtraError("safetensors", "search") from error

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is no readable checkpoint: {error}") from error
    if metadata.get("format") != str(FORMAT) or metadata.get("space") != "nb201":
        raise InputError(f"{path} is a checkpoint of another format or space: {metadata.get('space', 'unknown')}")
    try:
        macro = json.loads(metadata["macro"])
        macro["input"] = TensorSpec(**macro["input"])
        progress = Progress(**json.loads(metadata["progress"]))
        supernet = Supernet(NB201Space(Macro(**macro)))
        weights = {name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")}
        supernet.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} does not fit its own description: {error}") from error
    momentum = {name.removeprefix("momentum."): t for name, t in tensors.items() if name.startswith("momentum.")}
    return Checkpoint(supernet, progress, momentum)
