"""The training loop: steps, checkpoints, interruptions; what a step does is in ``step.py``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.average import WeightAverage
from nasc_search.supernet.checkpoint import Progress, load, save
from nasc_search.supernet.interrupt import deferred_interrupt
from nasc_search.supernet.loss import Teacher
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import Pace, StepReport
from nasc_search.supernet.step import optimizer_of, take_step


def train(
    supernet: Supernet,
    dataset: Dataset,
    options: TrainOptions,
    path: Path,
    report: Callable[[StepReport], None],
    resume: bool = False,
    *,
    teacher: Teacher | None = None,
) -> None:
    """Train to ``options.steps``; saves to ``path`` regularly, at the end, and when interrupted (Ctrl-C).

    Raises InputError without training images, and when ``path`` is to be resumed and belongs to another run.
    """
    if dataset.train is None:
        raise InputError(f"only the shipped part of {dataset.name} is here; name the whole set with --data")
    run = _Run(supernet, dataset, options, path, teacher)
    if resume:
        run.resume()
    pace = Pace(options.steps, options.batch, report, run.progress.step)
    last_save = time.monotonic()
    supernet.train()
    with deferred_interrupt() as check_interrupt:
        try:
            for step in range(run.progress.step, options.steps):
                loss = run.step(step)
                pace.tell(step + 1, loss)
                if time.monotonic() - last_save >= options.checkpoint_every_s:
                    run.save()
                    last_save = time.monotonic()
                check_interrupt()
        finally:
            run.save()
        check_interrupt()


class _Run:
    """What changes while a supernet is trained, and the file it is kept in."""

    def __init__(
        self, supernet: Supernet, dataset: Dataset, options: TrainOptions, path: Path, teacher: Teacher | None
    ) -> None:
        self._supernet, self._dataset, self._options = supernet, dataset, options
        self._path, self._teacher = path, teacher
        self._optimizer = optimizer_of(supernet)
        self._average = WeightAverage(supernet, options.ema_decay) if options.ema_decay else None
        recipe = options.recipe(teacher.version if teacher else "")
        self.progress = Progress(
            dataset.name, options.seed, 0, options.steps, options.batch, options.learning_rate, recipe
        )

    def step(self, step: int) -> torch.Tensor:
        """Take one step; its loss."""
        loss = take_step(
            self._supernet, self._optimizer, self._dataset, self._options, step, teacher=self._teacher
        )
        if self._average is not None:
            self._average.update(step)
        self.progress = replace(self.progress, step=step + 1)
        return loss

    def save(self) -> None:
        """Write the checkpoint; StorageError leaves the old one."""
        momentum = {
            name: self._optimizer.state[parameter]["momentum_buffer"]
            for name, parameter in self._supernet.named_parameters()
            if self._optimizer.state.get(parameter, {}).get("momentum_buffer") is not None
        }
        average = None if self._average is None else self._average.weights
        save(self._path, self._supernet, self.progress, momentum, average)

    def resume(self) -> None:
        """Load weights and momentum; InputError when the checkpoint belongs to another run."""
        checkpoint = load(self._path)
        found = checkpoint.progress
        if checkpoint.supernet.space.name != self._supernet.space.name or replace(found, step=0) != self.progress:
            raise InputError(
                f"{self._path} is of another run ({checkpoint.supernet.space.name}, {found}); "
                "give the same options, or another --output"
            )
        used = checkpoint.supernet.state_dict()
        self._supernet.load_state_dict(used | checkpoint.live)
        if self._average is not None:
            self._average.restore(used)
        for name, parameter in self._supernet.named_parameters():
            if name in checkpoint.momentum:
                self._optimizer.state[parameter]["momentum_buffer"] = checkpoint.momentum[name]
        self.progress = found
