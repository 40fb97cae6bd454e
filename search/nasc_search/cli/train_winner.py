"""``nasc-sdk train winner``: one sub-network alone, or several of which the best is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_sdk.cli.paths import UserPath
from nasc_search.cli.train_options import (
    DataOptions,
    RecipeOptions,
    data_options,
    recipe_options,
    saved_when_ended,
    tell,
)

if TYPE_CHECKING:
    from nasc_search.pretrained.finalists import Finalist


@click.command(
    "winner",
    epilog="""\b
Examples:
  nasc-sdk train winner --pretrained runs/mine --steps 6000 --ema 0.999 --augment flip --augment shift --augment cutout
  nasc-sdk train winner --pretrained runs/mine --teacher runs/wide/supernet.safetensors --distillation 0.7
  nasc-sdk train winner --pretrained runs/mine --finalists 3    shared weights rank only roughly: train three
  nasc-sdk train winner --pretrained runs/mine --arch '|nor_conv_3x3~0|+...' --from-nothing
""",
)
@click.option(
    "--pretrained", type=UserPath(), required=True, help="Folder that nasc-sdk train left."
)
@click.option("--arch", help="The sub-network  [default: the most promising evaluated one]")
@click.option(
    "--finalists", type=click.IntRange(1, 100), default=1, show_default=True,
    help="So many of the most promising evaluated ones, one after another; --json lists the best first.",
)  # fmt: skip
@click.option("--from-nothing", is_flag=True, help="Not from the shared weights.")
@data_options
@recipe_options(steps=6000, learning_rate=0.05)
@json_option
def command(
    pretrained: Path, arch: str | None, finalists: int, from_nothing: bool, data: DataOptions, recipe: RecipeOptions,
    as_json: bool,
) -> None:  # fmt: skip
    """Train sub-networks of a supernet alone, and keep their weights for the search service where they are better.

    Promising is what has a high accuracy with shared weights and much depth, which these make look worse than it is.
    Trained for int8 as well where int8 costs more than 0.5 points. Ctrl-C saves; the same command goes on.
    """
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_search.pretrained.finalists import most_promising, train_finalists

    if arch is not None and finalists > 1:
        raise click.UsageError("--arch names one sub-network, --finalists several: give one of them")
    archs = most_promising(pretrained, finalists) if arch is None else (arch,)
    task = data.load()
    options, teacher = recipe.options(), recipe.load_teacher(task)
    finished = (lambda one: None) if as_json else _tell
    with saved_when_ended("Go on with the same command"):
        found = train_finalists(pretrained, archs, task, options, teacher, tell, finished, inherit=not from_nothing)
    if as_json:
        print_json(found if len(archs) > 1 else found[0])
    elif len(found) > 1:
        click.echo(f"\nthe best of {len(found)}: {found[0].arch}")


def _tell(one: Finalist) -> None:
    int8 = "" if one.validation_accuracy_int8 is None else f"int8 {one.validation_accuracy_int8:.2%}, "
    click.echo(
        f"\n{one.arch}\nvalidation {one.validation_accuracy_before:.2%} -> {one.validation_accuracy:.2%} "
        f"({int8}test {one.test_accuracy:.2%}); "
        + ("kept" if one.kept else "not kept: no better than before")
    )
