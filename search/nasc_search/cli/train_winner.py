"""``nasc-sdk train winner``: one sub-network alone."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_search.cli.train_options import (
    DataOptions,
    RecipeOptions,
    data_options,
    recipe_options,
    saved_when_ended,
    tell,
)


@click.command(
    "winner",
    epilog="""\b
Examples:
  nasc-sdk train winner --pretrained runs/mine --steps 6000 --ema 0.999 --augment flip --augment shift --augment cutout
  nasc-sdk train winner --pretrained runs/mine --teacher runs/wide/supernet.safetensors --distillation 0.7
  nasc-sdk train winner --pretrained runs/mine --arch '|nor_conv_3x3~0|+...' --from-nothing
""",
)
@click.option(
    "--pretrained", type=click.Path(path_type=Path), required=True, help="Folder that nasc-sdk train left."
)
@click.option("--arch", default="", help="The sub-network  [default: the most accurate evaluated one]")
@click.option("--from-nothing", is_flag=True, help="Not from the shared weights.")
@data_options
@recipe_options(steps=6000, learning_rate=0.05)
@json_option
def command(
    pretrained: Path, arch: str, from_nothing: bool, data: DataOptions, recipe: RecipeOptions, as_json: bool
) -> None:
    """Train one sub-network of a supernet alone, and keep its weights for the search service where they are better.

    Trained for int8 as well where int8 costs more than 0.5 points. Ctrl-C saves; the same command goes on.
    """
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_search.pretrained.winner import train_winner

    task = data.load()
    options, teacher = recipe.options(), recipe.load_teacher(task)
    with saved_when_ended("Go on with the same command"):
        winner = train_winner(pretrained, arch, task, options, teacher, tell, inherit=not from_nothing)
    tuned = winner.tuned
    if as_json:
        print_json({
            "arch": winner.arch,
            "validation_accuracy_before": tuned.accuracy_before,
            "validation_accuracy": tuned.accuracy_after,
            "validation_accuracy_int8": tuned.int8_accuracy,
            "test_accuracy": winner.test,
            "kept": winner.kept,
        })  # fmt: skip
        return
    click.echo(
        f"\n{winner.arch}\nvalidation {tuned.accuracy_before:.2%} -> {tuned.accuracy_after:.2%} "
        f"(int8 {tuned.int8_accuracy:.2%}), test {winner.test:.2%}; "
        + ("kept" if winner.kept else "not kept: no better than before")
    )
