"""The training loop: steps, checkpoints, interruptions; what a step does is in ``step.py``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

import torch

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.average import WeightAverage
from nasc_search.supernet.checkpoint import Progress, load, save
from nasc_search.supernet.interrupt import deferred_interrupt
from nasc_search.supernet.loss import Teacher
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import Pace, Spread, StepReport
from nasc_search.supernet.parallel import ALONE, Group, Replica
from nasc_search.supernet.run_log import RunLog
from nasc_search.supernet.sampler import Sampler
from nasc_search.supernet.schedule import learning_rate
from nasc_search.supernet.step import Route, optimizer_of, take_step

_SAVE_EVERY_S: Final = 60.0


def train(
    supernet: Supernet,
    dataset: Dataset,
    options: TrainOptions,
    path: Path | None,
    report: Callable[[StepReport], None],
    resume: bool = False,
    *,
    arch: str = "",
    teacher: Teacher | None = None,
    sampler: Sampler | None = None,
    group: Group = ALONE,
) -> None:
    """Train to ``options.steps``; saves to ``path`` regularly, at the end, and when interrupted (Ctrl-C).

    With ``arch`` that sub-network alone, with ``sampler`` those that it draws, not ``options.rule``; without ``path``
    nothing is written. On return the supernet holds the weights to use: their average where ``options.ema_decay`` asks
    for one.

    In a group of processes all call this with the same arguments; the first one reads ``path``, writes and reports.
    An interrupt of one ends all of them after the same step.

    Raises InputError without training images, when ``path`` is to be resumed and belongs to another run, and when the
    processes have different data; UnreachableError when one of them is gone: what the others know is saved.
    """
    if dataset.train is None:
        raise InputError(f"only the shipped part of {dataset.name} is here; name the whole set with --data")
    run = _Run(supernet, dataset, options, path, arch, teacher, sampler, group)
    run.begin(resume)
    supernet.train()
    with deferred_interrupt() as interrupted, _Keeping(run, path, options, report, group) as keeping:
        for step in range(run.progress.step, options.steps):
            keeping.told(step, run.step(step), sampler.spread if sampler else None)
            if group.any(interrupted()):
                raise KeyboardInterrupt
    run.finish()


class _Keeping:
    """What the first process tells and writes while it trains; checkpoint and log at the end in any case."""

    def __init__(
        self, run: _Run, path: Path | None, options: TrainOptions, report: Callable[[StepReport], None], group: Group
    ) -> None:
        self._run, self._options = run, options
        done = run.progress.step
        self._pace = Pace(options.steps, options.batch, report, done) if group.is_first else None
        self._log = RunLog(path, options.steps, options.batch, done) if group.is_first and path else None
        self._last_save = time.monotonic()

    def __enter__(self) -> _Keeping:
        return self

    def told(self, step: int, loss: torch.Tensor, spread: Spread | None) -> None:
        """``step`` is done."""
        if self._pace is not None:
            self._pace.tell(step + 1, loss, spread)
        if self._log is None:
            return
        self._log.take(step + 1, float(loss), learning_rate(step, self._options), spread)
        if time.monotonic() - self._last_save >= _SAVE_EVERY_S:
            self._run.save()
            self._last_save = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            # The checkpoint before the log: it is worth more where the disk takes only one of them.
            self._run.save()
            done = self._run.progress.step
            self._log.close(done, learning_rate(max(done - 1, 0), self._options))


class _Run:
    """What changes while a supernet is trained, and the file it is kept in."""

    def __init__(
        self,
        supernet: Supernet,
        dataset: Dataset,
        options: TrainOptions,
        path: Path | None,
        arch: str,
        teacher: Teacher | None,
        sampler: Sampler | None,
        group: Group,
    ) -> None:
        self._supernet, self._dataset, self._options = supernet, dataset, options
        self._path, self._teacher, self._sampler, self._group = path, teacher, sampler, group
        self._routes = (Route(supernet.space.network(arch)),) if arch else ()
        self._replica = Replica(supernet, group)
        self._optimizer = optimizer_of(supernet)
        self._average = WeightAverage(supernet, options.ema_decay) if options.ema_decay else None
        recipe = options.recipe(arch, teacher.version if teacher else "", sampler.name if sampler else "")
        self.progress = Progress(
            dataset.name, options.seed, 0, options.steps, options.batch, options.learning_rate, recipe
        )
        self._sampled = sampler.state() if sampler else ""

    def begin(self, resume: bool) -> None:
        """Load what was saved, or make sure that all processes begin with the same weights and data."""
        own = self._digest_of_data()
        if self._group.any(self._group.from_first(lambda: own) != own):
            raise InputError(f"the processes of this training have different images of {self._dataset.name}")
        if resume:
            self._restore(self._group.from_first(self._load))
        else:
            self._supernet.load_state_dict(self._group.from_first(self._supernet.state_dict))
            if self._average is not None:
                self._average.restore(dict(self._supernet.named_parameters()))

    def step(self, step: int) -> torch.Tensor:
        """Take one step; its loss."""
        # What a sampler learns counts once the weights have moved as well: what is saved is of one step, whole.
        routes = self._sampler.step(self._supernet, step, self._group) if self._sampler else self._routes
        loss = take_step(
            self._supernet,
            self._optimizer,
            self._dataset,
            self._options,
            step,
            routes,
            teacher=self._teacher,
            replica=self._replica,
        )
        if self._average is not None:
            self._average.update(step)
        self._sampled = self._sampler.state() if self._sampler else ""
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
        assert self._path is not None
        save(self._path, self._supernet, self.progress, momentum, average, self._sampled)

    def finish(self) -> None:
        """Leave the weights to use in the supernet."""
        if self._average is not None:
            self._supernet.load_state_dict(self._average.weights, strict=False)

    def _load(self) -> _State:
        """What the checkpoint holds; InputError when it belongs to another run."""
        assert self._path is not None
        checkpoint = load(self._path)
        found, space = checkpoint.progress, checkpoint.supernet.space
        if space.name != self._supernet.space.name or replace(found, step=0) != self.progress:
            differs = _difference(space.name, self._supernet.space.name, found, self.progress)
            raise InputError(
                f"{self._path} is of another run: {differs}; give the same options, or delete it to begin anew"
            )
        weights = dict(checkpoint.supernet.state_dict())
        return _State(found, weights, checkpoint.live, checkpoint.momentum, checkpoint.sampler)

    def _restore(self, state: _State) -> None:
        self._supernet.load_state_dict(state.weights | state.live)
        if self._average is not None:
            self._average.restore(state.weights)
        for name, parameter in self._supernet.named_parameters():
            if name in state.momentum:
                self._optimizer.state[parameter]["momentum_buffer"] = state.momentum[name]
        if self._sampler is not None:
            self._sampler.restore(state.sampler)
        self._sampled, self.progress = state.sampler, state.progress

    def _digest_of_data(self) -> str:
        """Equal where the same images are drawn."""
        split = self._dataset.train
        assert split is not None
        return hashlib.sha256(split.labels.tobytes() + split.images[::97].tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class _State:
    """A checkpoint as one process tells it to the others."""

    progress: Progress
    weights: dict[str, torch.Tensor]
    live: dict[str, torch.Tensor]
    momentum: dict[str, torch.Tensor]
    sampler: str


def _difference(space: str, own_space: str, found: Progress, own: Progress) -> str:
    """What a checkpoint and the options of this run say differently."""
    names = [field.name for field in fields(Progress) if field.name != "step"]
    pairs = [("space", space, own_space), *((name, getattr(found, name), getattr(own, name)) for name in names)]
    return ", ".join(f"{name} {old or 'default'}, not {new or 'default'}" for name, old, new in pairs if old != new)
