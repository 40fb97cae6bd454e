"""``nasc-sdk train``: a supernet for a data set, resumable and seeded, by one process or by many under torchrun."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_search.cli import train_encoders, train_joint, train_winner
from nasc_search.cli.space_options import SpaceChoice, space_options
from nasc_search.cli.train_options import (
    DataOptions,
    RecipeOptions,
    data_options,
    recipe_options,
    saved_when_ended,
    tell,
)
from nasc_search.cli.train_output import evaluate_some, output_options, training
from nasc_search.supernet.options import SamplingRule


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  nasc-sdk train --steps 30000 --output runs/demo/supernet.safetensors
  nasc-sdk train --dataset cifar10 --data ~/cifar --channels 16 --cells 3 --steps 50000 --ema 0.999
  nasc-sdk train --dataset folder --data ~/pictures --augment flip --augment shift --augment colour
  nasc-sdk train --space fbnet --width 0.5 --depth 2 --rule shrinking --output runs/fbnet/supernet.safetensors
  nasc-sdk train --resume --steps 30000 --output runs/demo/supernet.safetensors      after Ctrl-C or a crash
  torchrun --nproc-per-node 2 -m nasc_sdk train --steps 30000      the batch shared by two processes
  nasc-sdk train joint --help       weights and a distribution over candidates under a limit, together
  nasc-sdk train winner --help      one sub-network alone
  nasc-sdk train encoders --help    what narrows the cuts
""",
)
@data_options
@space_options
@click.option(
    "--rule", default=SamplingRule.UNIFORM.value, show_default=True,
    type=click.Choice([kind.value for kind in SamplingRule]),
    help="How sub-networks are drawn; all but uniform and shrinking train several a step.",
)
@recipe_options(steps=30_000, learning_rate=0.07)
@click.option(
    "--evaluate", default=400, show_default=True, type=click.IntRange(0),
    help="Sub-networks evaluated after training (0: none).",
)
@output_options("runs/mine/supernet.safetensors")
@json_option
@click.pass_context
def command(
    context: click.Context,
    data: DataOptions,
    space_choice: SpaceChoice,
    rule: str,
    recipe: RecipeOptions,
    evaluate: int,
    resume: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Train a one-shot supernet of a search space, then evaluate some of its sub-networks.

    Leaves the checkpoint and, beside it, accuracy.npz, a log (JSON lines and TensorBoard events) and its curves;
    ``nasc-sdk up --pretrained`` takes their folder. Ctrl-C saves; --resume goes on, with as many processes as there are
    then.
    """
    if context.invoked_subcommand:
        return
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_search.supernet.checkpoint import load
    from nasc_search.supernet.model import Supernet
    from nasc_search.supernet.train import train

    task = data.load()
    options = recipe.options(SamplingRule(rule))
    teacher = recipe.load_teacher(task)
    space = space_choice.space(task.input, len(task.classes))
    with training(output, resume) as group:
        supernet = Supernet(space, recipe.seed)
        train(supernet, task, options, output, tell, resume, teacher=teacher, group=group)
    if not group.is_first:
        return
    with saved_when_ended(f"Go on with the same options and --resume: {output}"):
        evaluated = len(evaluate_some(load(output).supernet, task, evaluate, recipe.seed, output)) if evaluate else 0
    summary = {"space": space.name, "checkpoint": str(output), "evaluated": evaluated}
    if as_json:
        print_json(summary)
    else:
        click.echo(f"\n{space.name}: {output}, {evaluated} sub-networks evaluated")


command.add_command(train_joint.command)
command.add_command(train_winner.command)
command.add_command(train_encoders.command)
