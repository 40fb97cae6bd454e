"""``nasc-sdk train``: a supernet for a data set, resumable and seeded."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import json_option, print_json


@click.command(
    epilog="""\b
Examples:
  nasc-sdk train --steps 30000 --bfloat16 --output runs/demo.safetensors
  nasc-sdk train --dataset cifar10 --data ~/cifar --channels 16 --cells 3 --steps 50000
  nasc-sdk train --resume --steps 30000 --output runs/demo.safetensors      after Ctrl-C or a crash
"""
)
@click.option("--dataset", default="fashion-mnist", show_default=True, help="fashion-mnist, cifar10, cifar100, folder.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set's files.")
@click.option("--channels", default=16, show_default=True, help="Channels of the first stage.")
@click.option("--cells", default=2, show_default=True, help="Cells per stage.")
@click.option("--stem-stride", default=1, show_default=True, type=click.IntRange(1, 2))
@click.option("--steps", default=30_000, show_default=True, help="Training steps, one sub-network each.")
@click.option("--batch", default=64, show_default=True, help="Images a step.")
@click.option("--learning-rate", default=0.07, show_default=True, help="Peak; cosine to zero.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=0, help="Processor threads (default: all).")
@click.option("--bfloat16", is_flag=True, help="Mixed precision; faster with AVX512-BF16 or AMX.")
@click.option("--resume", is_flag=True, help="Go on from --output, with the same options.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("runs/supernet.safetensors"), show_default=True
)
@json_option
def command(
    dataset: str,
    data: Path | None,
    channels: int,
    cells: int,
    stem_stride: int,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
    threads: int,
    bfloat16: bool,
    resume: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Train a single-path one-shot supernet of NAS-Bench-201 cells."""
    from nasc_search.torch_extra import require_torch

    torch = require_torch("search")
    from nasc_search.data.registry import load_dataset
    from nasc_search.spaces.nb201 import Macro, NB201Space
    from nasc_search.supernet.model import Supernet
    from nasc_search.supernet.train import StepReport, TrainOptions, train

    if threads:
        torch.set_num_threads(threads)
    task = load_dataset(dataset, data, need_train=True)
    space = NB201Space(Macro(task.input, len(task.classes), channels, cells, stem_stride))
    options = TrainOptions(steps, batch, learning_rate, seed, bfloat16=bfloat16)

    def report(now: StepReport) -> None:
        if as_json:
            print_json(now)
            return
        click.echo(
            f"\rstep {now.step}/{now.steps}  loss {now.loss:.3f}  {now.images_per_s:.0f} images/s  "
            f"{now.remaining_s / 60:.1f} min left   ",
            nl=False,
            err=True,
        )

    try:
        train(Supernet(space, seed), task, options, output, report, resume)
    except KeyboardInterrupt:
        click.echo(f"\ninterrupted; saved. Go on with the same options and --resume --output {output}", err=True)
        raise
    click.echo(f"\n{space.name}: {output}" if not as_json else "", err=True)
