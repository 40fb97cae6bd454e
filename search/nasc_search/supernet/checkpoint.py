"""Checkpoints in safetensors: weights, momentum and where training stands; written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError, MissingExtraError
from nasc_search.spaces.registry import KINDS, from_plain, to_plain
from nasc_search.supernet.model import Supernet, is_coder

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
    recipe: str = ""
    """Options beyond these, by :meth:`nasc_search.supernet.options.TrainOptions.recipe`."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded checkpoint; ``momentum`` is empty where only weights were shipped."""

    supernet: Supernet
    """With the weights to use: averaged ones where training keeps an average."""
    progress: Progress
    momentum: dict[str, torch.Tensor]
    live: dict[str, torch.Tensor]
    """The last step's weights, with which training goes on, where those to use are averages; else empty."""
    sampler: str
    """State of what chose the sub-networks, where that learns as well; else empty."""


def save(
    path: Path,
    supernet: Supernet,
    progress: Progress,
    momentum: dict[str, torch.Tensor],
    average: dict[str, torch.Tensor] | None = None,
    sampler: str = "",
) -> None:
    """Write beside the target and rename; raises StorageError with the old file intact when the disk refuses.

    With ``average``, those are the file's weights, and the supernet's own are kept beside them for going on.
    """
    try:
        from safetensors.torch import save as serialise
    except ModuleNotFoundError as error:
        raise MissingExtraError("safetensors", "search") from error

    kind, macro = to_plain(supernet.space)
    weights = supernet.state_dict() | (average or {})
    live = {name: value for name, value in supernet.named_parameters() if average is not None}
    tensors = {
        f"{kind}.{name}": tensor.detach().contiguous()
        for kind, group in (("weights", weights), ("momentum", momentum), ("live", live))
        for name, tensor in group.items()
    }
    metadata = {
        "format": str(FORMAT),
        "space": kind,
        "macro": json.dumps(macro),
        "progress": json.dumps(asdict(progress)),
    }
    if sampler:
        metadata["sampler"] = sampler
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
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there: no readable checkpoint; nasc-sdk train begins one") from error
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path} is no readable checkpoint ({error}); if it was cut short, delete it and train anew"
        ) from error
    if metadata.get("format") != str(FORMAT) or metadata.get("space") not in KINDS:
        raise InputError(f"{path} is a checkpoint of another format or space: {metadata.get('space', 'unknown')}")
    try:
        space = from_plain(metadata["space"], json.loads(metadata["macro"]))
        progress = Progress(**json.loads(metadata["progress"]))
        weights = _group(tensors, "weights")
        supernet = Supernet(space, encoded=any(map(is_coder, weights)))
        supernet.load_state_dict(weights)
    except (InputError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} does not fit its own description: {error}") from error
    momentum, live = (_group(tensors, kind) for kind in ("momentum", "live"))
    return Checkpoint(supernet, progress, momentum, live, metadata.get("sampler", ""))


def _group(tensors: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{kind}."): t for name, t in tensors.items() if name.startswith(f"{kind}.")}
