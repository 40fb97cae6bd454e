"""Options that ``nasc-sdk train`` and ``nasc-sdk train winner`` share, gathered into one value each."""

from __future__ import annotations

import contextlib
import functools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.paths import UserPath
from nasc_sdk.errors import UnreachableError
from nasc_search.data.augmentations import DEFAULT, Augmentation
from nasc_search.supernet.options import SamplingRule, TrainOptions
from nasc_search.supernet.precision import Precision

if TYPE_CHECKING:
    from nasc_search.data.dataset import Dataset
    from nasc_search.supernet.fold import FoldedNetwork
    from nasc_search.supernet.pace import StepReport

_NONE = "none"
Decorator = Callable[[Callable[..., None]], Callable[..., None]]


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Where the images come from."""

    dataset: str
    data: Path | None

    def load(self) -> Dataset:
        """The data set with its training images."""
        from nasc_search.data.registry import load_dataset

        return load_dataset(self.dataset, self.data, need_train=True)


@dataclass(frozen=True, slots=True)
class RecipeOptions:
    """How to train."""

    steps: int
    batch: int
    learning_rate: float
    seed: int
    augment: tuple[str, ...]
    label_smoothing: float
    ema: float
    teacher: str | None
    distillation: float
    precision: str
    threads: int

    def options(self, rule: SamplingRule = SamplingRule.UNIFORM) -> TrainOptions:
        """As training takes them; sets the number of torch's threads."""
        if self.threads:
            import torch

            torch.set_num_threads(self.threads)
        return TrainOptions(
            self.steps,
            self.batch,
            self.learning_rate,
            self.seed,
            bfloat16=Precision(self.precision).is_bfloat16(),
            rule=rule,
            augmentations=() if _NONE in self.augment else tuple(Augmentation(name) for name in self.augment),
            label_smoothing=self.label_smoothing,
            ema_decay=self.ema,
            distillation=self.distillation,
        )

    def load_teacher(self, task: Dataset) -> FoldedNetwork | None:
        """The network of ``--teacher``."""
        from nasc_search.pretrained.teacher import load_teacher

        return load_teacher(self.teacher, task) if self.teacher else None


def data_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--dataset`` and ``--data`` as ``data``."""
    return _gathered(
        "data",
        DataOptions,
        click.option(
            "--dataset", default="fashion-mnist", show_default=True, help="fashion-mnist, cifar10, cifar100, folder."
        ),
        click.option("--data", type=UserPath(), help="Folder that holds the data set's files."),
    )(command)


def recipe_options(steps: int, learning_rate: float) -> Decorator:
    """How to train as ``recipe``, with these defaults."""
    share = Finite(0, 1)
    return _gathered(
        "recipe",
        RecipeOptions,
        click.option("--steps", default=steps, show_default=True, type=click.IntRange(1), help="Training steps."),
        # Batch norm of one 1x1 image has no variance.
        click.option("--batch", default=64, show_default=True, type=click.IntRange(2), help="Images a step."),
        click.option(
            "--learning-rate", default=learning_rate, show_default=True, type=Finite(0, 10, min_open=True),
            help="Peak; cosine to zero.",
        ),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(0)),
        click.option(
            "--augment", multiple=True, default=[kind.value for kind in DEFAULT], show_default=True,
            type=click.Choice([*(kind.value for kind in Augmentation), _NONE]), help="May be given several times.",
        ),
        click.option(
            "--label-smoothing", default=0.0, show_default=True, type=Finite(0, 1, max_open=True)
        ),
        click.option(
            "--ema", default=0.0, show_default=True, type=Finite(0, 1, max_open=True),
            help="Decay of the average of the weights that is evaluated and exported, e.g. 0.999; 0: none.",
        ),
        click.option(
            "--teacher", metavar="FILE[:ARCH]",
            help="Checkpoint to learn from; of its sub-networks ARCH, or the best evaluated one.",
        ),
        click.option("--distillation", default=0.5, show_default=True, type=share, help="The teacher's weight."),
        click.option(
            "--precision", default=Precision.AUTO.value, show_default=True,
            type=click.Choice([kind.value for kind in Precision]),
            help="auto: bfloat16 where the processor has it (AVX512-BF16, AMX).",
        ),
        click.option("--threads", default=0, type=click.IntRange(0), help="Processor threads (default: all)."),
    )  # fmt: skip


def tell(now: StepReport) -> None:
    """Progress on standard error, which leaves one JSON document on standard output."""
    spread = now.spread
    decided = f"theta {spread.entropy_bits:.1f} bits, mode {spread.mode_probability:.1%}  " if spread else ""
    click.echo(
        f"\rstep {now.step}/{now.steps}  loss {now.loss:.3f}  {now.images_per_s:.0f} images/s  {decided}"
        f"{now.remaining_s / 60:.1f} min left   ",
        nl=False,
        err=True,
    )


@contextlib.contextmanager
def saved_when_ended(go_on: str) -> Iterator[None]:
    """SIGTERM is as Ctrl-C, after which training has saved what it learned; so it has when another process is gone.

    ``go_on`` says how to resume; empty where another process says so.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except (KeyboardInterrupt, UnreachableError):
        if go_on:
            click.echo(f"\ninterrupted; saved. {go_on}", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _gathered(name: str, kind: type[DataOptions | RecipeOptions], *options: Callable[[Any], Any]) -> Decorator:
    """The options' values as one argument ``name`` of a kind."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def gather(**given: Any) -> None:
            gathered = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            command(**{**given, name: gathered})

        decorated: Callable[..., None] = gather
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
