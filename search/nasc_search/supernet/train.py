"""Single-path one-shot training (Guo et al. 2020, arXiv 1904.00420): one uniformly drawn sub-network a step.

Seeded and resumable: the sub-network, the batch and its augmentation of step ``i`` are drawn from a generator seeded by
(seed, i), so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Network
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.checkpoint import Checkpoint, Progress, load, save
from nasc_search.supernet.interrupt import deferred_interrupt
from nasc_search.supernet.model import Supernet

WARM_UP_STEPS = 50
WEIGHT_DECAY = 5e-4
MOMENTUM = 0.9
CLIP_NORM = 5.0
SHIFT_PIXELS = 2


@dataclass(frozen=True, slots=True)
class StepReport:
    """How training goes, about once a second."""

    step: int
    steps: int
    loss: float
    images_per_s: float
    remaining_s: float


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything that a run is determined by, besides data and space."""

    steps: int
    batch: int = 64
    learning_rate: float = 0.07
    seed: int = 0
    checkpoint_every_s: float = 60.0
    bfloat16: bool = False
    """Mixed precision: faster where the processor has AVX512-BF16 or AMX."""


def train(
    supernet: Supernet,
    dataset: Dataset,
    options: TrainOptions,
    path: Path,
    report: Callable[[StepReport], None],
    resume: bool = False,
) -> None:
    """Train to ``options.steps``; saves to ``path`` regularly, at the end, and when interrupted (Ctrl-C)."""
    if dataset.train is None:
        raise InputError(f"only the shipped part of {dataset.name} is here; name the whole set with --data")
    optimizer = optimizer_of(supernet)
    progress = Progress(dataset.name, options.seed, 0, options.steps, options.batch, options.learning_rate)
    if resume:
        progress = _resume(load(path), supernet, optimizer, progress, path)
    last_save = last_report = time.monotonic()
    reported = progress.step
    supernet.train()
    with deferred_interrupt() as check_interrupt:
        try:
            for step in range(progress.step, options.steps):
                loss = take_step(supernet, optimizer, dataset, options, step)
                progress = replace(progress, step=step + 1)
                now = time.monotonic()
                if now - last_report >= 1.0 or step + 1 == options.steps:
                    rate = (step + 1 - reported) / max(now - last_report, 1e-9)
                    left = (options.steps - step - 1) / max(rate, 1e-9)
                    report(StepReport(step + 1, options.steps, float(loss), rate * options.batch, left))
                    last_report, reported = now, step + 1
                if now - last_save >= options.checkpoint_every_s:
                    save(path, supernet, progress, _momentum(supernet, optimizer))
                    last_save = now
                check_interrupt()
        finally:
            save(path, supernet, progress, _momentum(supernet, optimizer))
        check_interrupt()


def learning_rate(step: int, options: TrainOptions) -> float:
    """Linear warm-up, then a cosine to zero."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / options.steps))


def optimizer_of(supernet: Supernet) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum; the learning rate is set at every step."""
    return torch.optim.SGD(
        supernet.parameters(), lr=0.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )


def take_step(
    supernet: Supernet,
    optimizer: torch.optim.Optimizer,
    dataset: Dataset,
    options: TrainOptions,
    step: int,
    network: Network | None = None,
) -> torch.Tensor:
    """One batch through ``network``, or through a sub-network drawn for this step; its loss."""
    rng = np.random.default_rng((options.seed, step))
    images, labels = draw_batch(dataset, options.batch, rng)
    network = network or supernet.space.network(supernet.space.sample(rng))
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, options)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        logits = supernet(images, network)
    loss = F.cross_entropy(logits.float(), labels)
    loss.backward()  # type: ignore[no-untyped-call] # torch types it so
    torch.nn.utils.clip_grad_norm_([p for p in supernet.parameters() if p.grad is not None], CLIP_NORM)
    optimizer.step()
    return loss.detach()


def draw_batch(dataset: Dataset, size: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised, augmented training images (size, C, H, W) and their labels."""
    assert dataset.train is not None
    split = dataset.train
    chosen = rng.integers(len(split), size=size)
    images = augment(split.images[chosen], rng)
    tensor = torch.from_numpy(dataset.normalise(images)).contiguous(memory_format=torch.channels_last)
    return tensor, torch.from_numpy(split.labels[chosen])


def augment(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror half of the images and shift each by up to two pixels, edges filled with zeros."""
    count, height, width, _ = images.shape
    mirrored = np.where(rng.random(count)[:, None, None, None] < 0.5, images[:, :, ::-1], images)
    border = ((0, 0), (SHIFT_PIXELS, SHIFT_PIXELS), (SHIFT_PIXELS, SHIFT_PIXELS), (0, 0))
    padded = np.pad(mirrored, border)
    top, left = rng.integers(0, 2 * SHIFT_PIXELS + 1, (2, count))
    rows = top[:, None] + np.arange(height)
    columns = left[:, None] + np.arange(width)
    shifted: NDArray[np.uint8] = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return shifted


def _momentum(supernet: Supernet, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        name: optimizer.state[parameter]["momentum_buffer"]
        for name, parameter in supernet.named_parameters()
        if optimizer.state.get(parameter, {}).get("momentum_buffer") is not None
    }


def _resume(
    checkpoint: Checkpoint,
    supernet: Supernet,
    optimizer: torch.optim.Optimizer,
    wanted: Progress,
    path: Path,
) -> Progress:
    """Load weights and momentum; InputError when the checkpoint belongs to another run."""
    found = checkpoint.progress
    if checkpoint.supernet.space.name != supernet.space.name or replace(found, step=0) != wanted:
        raise InputError(
            f"{path} is of another run ({checkpoint.supernet.space.name}, {found}); "
            "give the same options, or another --output"
        )
    supernet.load_state_dict(checkpoint.supernet.state_dict())
    for name, parameter in supernet.named_parameters():
        if name in checkpoint.momentum:
            optimizer.state[parameter]["momentum_buffer"] = checkpoint.momentum[name]
    return found
