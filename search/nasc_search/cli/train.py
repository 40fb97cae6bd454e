"""``nasc-sdk train``: a supernet for a data set, resumable and seeded."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_sdk.errors import InputError
from nasc_search.cli.space_options import SpaceChoice, space_options

if TYPE_CHECKING:
    from nasc_search.data.dataset import Dataset
    from nasc_search.supernet.model import Supernet

_SAVE_EVERY = 20
_COUNT = click.IntRange(1)


@click.command(
    epilog="""\b
Examples:
  nasc-sdk train --steps 30000 --bfloat16 --output runs/demo/supernet.safetensors
  nasc-sdk train --dataset cifar10 --data ~/cifar --channels 16 --cells 3 --steps 50000
  nasc-sdk train --space fbnet --width 0.5 --depth 2 --steps 20000 --output runs/fbnet/supernet.safetensors
  nasc-sdk train --resume --steps 30000 --output runs/demo/supernet.safetensors      after Ctrl-C or a crash
"""
)
@click.option("--dataset", default="fashion-mnist", show_default=True, help="fashion-mnist, cifar10, cifar100, folder.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set's files.")
@space_options
@click.option("--steps", default=30_000, show_default=True, type=_COUNT, help="Training steps, one sub-network each.")
# Batch norm of one 1x1 image has no variance.
@click.option("--batch", default=64, show_default=True, type=click.IntRange(2), help="Images a step.")
@click.option(
    "--learning-rate", default=0.07, show_default=True, type=click.FloatRange(0, 10, min_open=True),
    help="Peak; cosine to zero.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--threads", default=0, type=click.IntRange(0), help="Processor threads (default: all).")
@click.option("--bfloat16", is_flag=True, help="Mixed precision; faster with AVX512-BF16 or AMX.")
@click.option(
    "--evaluate", default=400, show_default=True, type=click.IntRange(0),
    help="Sub-networks evaluated after training (0: none).",
)
@click.option("--resume", is_flag=True, help="Go on from --output, with the same options.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("runs/mine/supernet.safetensors"), show_default=True
)
@json_option
def command(
    dataset: str,
    data: Path | None,
    space_choice: SpaceChoice,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
    threads: int,
    bfloat16: bool,
    evaluate: int,
    resume: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Train a single-path one-shot supernet of a search space, then evaluate some of its sub-networks.

    Leaves the checkpoint and, beside it, accuracy.npz; ``nasc-sdk service --pretrained`` takes their folder where the
    space can be listed (nb201).
    """
    from nasc_search.torch_extra import require_torch

    torch = require_torch("search")
    from nasc_search.data.registry import load_dataset
    from nasc_search.supernet.checkpoint import load
    from nasc_search.supernet.model import Supernet
    from nasc_search.supernet.options import TrainOptions
    from nasc_search.supernet.pace import StepReport
    from nasc_search.supernet.train import train

    if threads:
        torch.set_num_threads(threads)
    task = load_dataset(dataset, data, need_train=True)
    space = space_choice.space(task.input, len(task.classes))
    options = TrainOptions(steps, batch, learning_rate, seed, bfloat16=bfloat16)

    # Progress goes to standard error, which leaves one JSON document on standard output.
    def report(now: StepReport) -> None:
        click.echo(
            f"\rstep {now.step}/{now.steps}  loss {now.loss:.3f}  {now.images_per_s:.0f} images/s  "
            f"{now.remaining_s / 60:.1f} min left   ",
            nl=False,
            err=True,
        )

    if output.exists() and not resume:
        raise InputError(f"{output} is there already: go on with it (--resume), or choose another --output")
    if not resume:
        _forget_accuracies(output)
    with _saved_when_ended(output):
        train(Supernet(space, seed), task, options, output, report, resume)
    supernet = load(output).supernet
    evaluated = _evaluate(supernet, task, evaluate, seed, output) if evaluate else 0
    summary = {"space": space.name, "checkpoint": str(output), "evaluated": evaluated}
    if as_json:
        print_json(summary)
    else:
        click.echo(f"\n{space.name}: {output}, {evaluated} sub-networks evaluated")


@contextlib.contextmanager
def _saved_when_ended(output: Path) -> Iterator[None]:
    """SIGTERM is as Ctrl-C, after which training has saved what it learned."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\ninterrupted; saved. Go on with the same options and --resume --output {output}", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _forget_accuracies(output: Path) -> None:
    """Those beside the checkpoint belong to the weights that are about to be replaced."""
    from nasc_sdk.errors import StorageError
    from nasc_search.pretrained.load import ACCURACY

    path = output.with_name(ACCURACY)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError.of(path, error) from error


def _evaluate(supernet: Supernet, task: Dataset, count: int, seed: int, output: Path) -> int:
    """Accuracies beside the checkpoint, saved now and then; those that are there already are kept."""
    from nasc_search.pretrained.load import ACCURACY, load_accuracies, save_accuracies
    from nasc_search.supernet.sampling import draw, evaluate

    path = output.with_name(ACCURACY)
    known = load_accuracies(path) if path.exists() else {}

    def report(done: int, total: int, found: dict[str, float]) -> None:
        if done % _SAVE_EVERY == 0 or done == total:
            save_accuracies(path, found)
        best = max(found.values())
        click.echo(f"\revaluated {done}/{total}  best {best:.2%}   ", nl=False, err=True)

    return len(evaluate(supernet, task, draw(supernet.space, count, seed), known, report))
