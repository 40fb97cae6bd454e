"""``nasc-sdk train joint``: shared weights and a distribution over candidates under a limit, trained together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from nasc_sdk.cli.numbers import NOT_NEGATIVE, POSITIVE, Finite
from nasc_sdk.cli.output import json_option, print_json
from nasc_search.cli.space_options import SpaceChoice, space_options
from nasc_search.cli.train_options import (
    DataOptions,
    RecipeOptions,
    data_options,
    recipe_options,
    tell,
)
from nasc_search.cli.train_output import (
    AccuracyFile,
    evaluate_some,
    evaluate_some_encoded,
    output_options,
    training,
)

if TYPE_CHECKING:
    from nasc_search.data.dataset import Dataset
    from nasc_search.oneshot.train import Found
    from nasc_search.supernet.model import Supernet

_BYTES: Final = click.IntRange(0)


@click.command(
    "joint",
    epilog="""\b
Examples:
  nasc-sdk cost-model export board --output board.json         of the search service, once it has profiled both
  nasc-sdk cost-model export edge --output edge.json
  nasc-sdk train joint --board board.json --server edge.json --limit-ms 8 --throughput-mbit-s 20 --round-trip-ms 3
  nasc-sdk train joint --board raspi4 --server titan_rtx_1 --limit-ms 20 --throughput-mbit-s 5 --round-trip-ms 4 \\
      --throughput-mbit-s 2 --round-trip-ms 12                 a link that varies: the limit holds at --percentile
  nasc-sdk train joint ... --space fbnet --width 0.5 --encoders --output runs/fbnet/supernet.safetensors
""",
)
@click.option("--board", required=True, metavar="FILE|DEVICE", help="Cost model (.json), or a device that is known.")
@click.option("--server", required=True, metavar="FILE|DEVICE", help="The same of the edge server.")
@click.option("--limit-ms", type=POSITIVE, required=True, help="Latency limit of a request, milliseconds.")
@click.option(
    "--percentile", type=Finite(50, 99.9), default=95.0, show_default=True, help="The limit holds at this percentile."
)
@click.option(
    "--throughput-mbit-s", type=POSITIVE, required=True, multiple=True,
    help="Uplink; several times: samples of a link that varies, as many as round trips.",
)
@click.option("--round-trip-ms", type=NOT_NEGATIVE, required=True, multiple=True, help="Round trip without payload.")
@click.option("--raw-input-may-leave", is_flag=True, help="Allow the raw input to leave the board (cut 0).")
@click.option("--arena-bytes", type=_BYTES, default=0, help="Memory for activations on the board  [default: any].")
@click.option("--flash-bytes", type=_BYTES, default=0, help="Room for the head's model file  [default: any].")
@click.option("--encoders", is_flag=True, help="Learned bottlenecks take part: encoders are trained as well.")
@data_options
@space_options
@recipe_options(steps=30_000, learning_rate=0.07)
@click.option(
    "--evaluate", default=100, show_default=True, type=click.IntRange(0),
    help="Sub-networks, and encoded ones, evaluated afterwards beside the chosen one.",
)
@output_options("runs/joint/supernet.safetensors")
@json_option
def command(
    board: str, server: str, limit_ms: float, percentile: float, throughput_mbit_s: tuple[float, ...],
    round_trip_ms: tuple[float, ...], raw_input_may_leave: bool, arena_bytes: int, flash_bytes: int, encoders: bool,
    data: DataOptions, space_choice: SpaceChoice, recipe: RecipeOptions, evaluate: int, resume: bool, output: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Search while training: weights, and a distribution over architecture, cut and encoding, under a latency limit.

    One-shot ASNG (arXiv 1905.08537). The most likely candidate is chosen. Leaves a folder as nasc-sdk train does, which
    nasc-sdk up --pretrained takes. Ctrl-C saves; --resume goes on.
    """
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_sdk.link.link import Link
    from nasc_search.cli.cost_model_source import open_model
    from nasc_search.joint.constraints import Constraints
    from nasc_search.oneshot.setting import Setting
    from nasc_search.oneshot.train import find, train_joint
    from nasc_search.supernet.checkpoint import load

    constraints = Constraints(limit_ms, percentile, not raw_input_may_leave, arena_bytes, flash_bytes)
    link, task = Link(throughput_mbit_s, round_trip_ms), data.load()
    space = space_choice.space(task.input, len(task.classes))
    setting = Setting(open_model(board, space), open_model(server, space), link, constraints)
    options, teacher = recipe.options(), recipe.load_teacher(task)
    with training(output, resume) as group:
        distribution = train_joint(
            space, task, options, setting, output, tell, encoders=encoders, resume=resume, teacher=teacher, group=group
        )
    if not group.is_first:
        return
    supernet = load(output).supernet
    found = find(distribution, supernet, task)
    evaluated = _keep(found, supernet, task, evaluate, recipe.seed, output)
    if as_json:
        print_json({"space": space.name, "checkpoint": str(output), "found": found, "evaluated": evaluated})
    else:
        click.echo(f"\n{_text(found, limit_ms, percentile)}\n{output}, {evaluated} sub-networks evaluated")


def _keep(found: Found, supernet: Supernet, task: Dataset, count: int, seed: int, output: Path) -> int:
    """Accuracies beside the checkpoint, the chosen candidate's among them; how many there are."""
    from nasc_search.pretrained.load import ACCURACY, CODED

    whole, coded = found.accuracies
    AccuracyFile(output.with_name(ACCURACY)).add(whole)
    if coded:
        AccuracyFile(output.with_name(CODED)).add(coded)
    if count:
        whole = evaluate_some(supernet, task, count, seed, output)
        coded = evaluate_some_encoded(supernet, task, tuple(whole), count, seed, output)
    return len(whole) + len(coded)


def _text(found: Found, limit_ms: float, percentile: float) -> str:
    predicted, candidate, spread = found.predicted, found.predicted.candidate, found.spread
    encoding = candidate.encoding
    which = "the mode" if found.is_mode else "the most likely draw that keeps the limit; the mode does not"
    options = f"--arch '{candidate.arch}' --cut {candidate.cut} --bits {encoding.bits} --entropy {encoding.entropy}"
    if encoding.bottleneck:
        options += f" --bottleneck {encoding.bottleneck}"
    return "\n".join(
        (
            f"{candidate.arch}",
            f"{predicted.kind.value} at cut {candidate.cut} ({encoding}), {which}: probability "
            f"{spread.mode_probability:.1%}, {spread.entropy_bits:.1f} bits left of the distribution",
            f"predicted {predicted.limited_ms:.2f} ms at p{percentile:g} (limit {limit_ms:g} ms), "
            f"{predicted.payload_bytes} bytes sent",
            f"accuracy {predicted.accuracy:.2%} (validation), {found.test_accuracy:.2%} (test); "
            f"{found.plain_accuracy:.2%} without the encoding",
            f"nasc-sdk deploy --limit-ms {limit_ms:g} {options}",
        )
    )
