"""``nasc-sdk train encoders``: what narrows the cuts of a pretrained supernet."""

from __future__ import annotations

from pathlib import Path

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


@click.command(
    "encoders",
    epilog="""\b
Examples:
  nasc-sdk train encoders --pretrained runs/mine --steps 9000
  nasc-sdk train encoders --pretrained runs/mine --arch '|nor_conv_3x3~0|+...' --steps 6000 --learning-rate 0.03
  nasc-sdk train encoders --pretrained runs/mine --arch '|nor_conv_3x3~0|+...' --cut 5 --bits 2 --bottleneck 4
""",
)
@click.option(
    "--pretrained", type=UserPath(), required=True, help="Folder that nasc-sdk train left."
)
@click.option("--arch", default="", help="Only of this sub-network, and its own weights with them  [default: shared]")
@click.option("--cut", type=click.IntRange(1), help="Only this cut of --arch, with its --bits and --bottleneck.")
@click.option("--bits", type=click.Choice(["4", "2"]), default="4", show_default=True, help="Of --cut.")
@click.option("--bottleneck", type=click.IntRange(1), default=4, show_default=True, help="Channels of --cut.")
@click.option(
    "--evaluate", default=600, show_default=True, type=click.IntRange(0),
    help="Encoded sub-networks evaluated afterwards, drawn at random; with --arch all of its own are.",
)
@data_options
@recipe_options(steps=9000, learning_rate=0.1)
@json_option
def command(
    pretrained: Path, arch: str, cut: int | None, bits: str, bottleneck: int, evaluate: int, data: DataOptions,
    recipe: RecipeOptions, as_json: bool,
) -> None:  # fmt: skip
    """Train encoders and decoders (bottlenecks of few channels, 4 and 2 bits) for every cut, by distillation.

    The search then chooses among encodings, too; their accuracies are left in coded.npz. Ctrl-C keeps what shared
    encoders learnt.
    """
    from nasc_search.torch_extra import require_torch

    if cut is not None and not arch:
        raise click.UsageError("--cut needs --arch")
    require_torch()
    from nasc_sdk.candidate import Candidate, CutEncoding
    from nasc_search.pretrained.encoders import train_one_cut, train_own_encoders, train_shared_encoders

    task, options = data.load(), recipe.options()

    def evaluated(done: int, total: int, found: dict[str, float]) -> None:
        click.echo(f"\revaluated {done}/{total}  best {max(found.values()):.2%}   ", nl=False, err=True)

    with saved_when_ended("Go on with the same command" if not arch else ""):
        if cut is not None:
            candidate = Candidate(arch, cut, CutEncoding(int(bits), bottleneck))
            made = train_one_cut(pretrained, candidate, task, options, tell)
        elif arch:
            made = train_own_encoders(pretrained, arch, task, options, tell, evaluated)
        else:
            made = train_shared_encoders(pretrained, task, options, evaluate, tell, evaluated)
    if as_json:
        print_json(made)
        return
    of = f"{arch}: validation accuracy {made.plain:.2%} without encoding; " if arch else ""
    click.echo(f"\n{of}{made.evaluated} encoded sub-networks evaluated")
