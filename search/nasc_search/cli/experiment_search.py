"""``nasc-sdk experiment search``: one search by evaluations, of architecture and cut under a latency limit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.numbers import NOT_NEGATIVE, POSITIVE
from nasc_sdk.cli.output import json_option, print_json
from nasc_sdk.cli.paths import UserPath

if TYPE_CHECKING:
    from nasc_search.experiment.searching import Found


@click.command(
    "search",
    epilog="""\b
Examples:
  nasc-sdk experiment search --space nb201 --accuracy-table nb201_accuracy.npz:cifar10_test_200 \\
      --board nb201_latency_ms.npz:raspi4 --server nb201_latency_ms.npz:titan_rtx_1 \\
      --limit-ms 14 --throughput-mbit-s 10 --round-trip-ms 5
  nasc-sdk experiment search --space nb201 --accuracy-callable training:accuracy_of --budget 40 --resume search.json \\
      --board nb201_latency_ms.npz:pixel3 --server nb201_latency_ms.npz:gold_6240 \\
      --limit-ms 10 --throughput-mbit-s 20 --round-trip-ms 5 --json
""",
)
@click.option("--space", type=click.Choice(["nb201"]), required=True, expose_value=False, help="Search space.")
@click.option("--accuracy-table", metavar="FILE.npz:KEY", help="Accuracies in per cent.")
@click.option(
    "--accuracy-callable", metavar="MODULE:FUNCTION",
    help="Takes an architecture's string, returns 0..1; a table given as well is what it is compared with.",
)
@click.option("--board", required=True, metavar="FILE.npz:DEVICE", help="Whole-network latencies on the board.")
@click.option("--server", required=True, metavar="FILE.npz:DEVICE", help="Whole-network latencies on the server.")
@click.option("--limit-ms", type=POSITIVE, required=True, help="Latency that a candidate must keep.")
@click.option("--throughput-mbit-s", type=POSITIVE, required=True, help="Of the link.")
@click.option("--round-trip-ms", type=NOT_NEGATIVE, required=True, help="Of the link.")
@click.option(
    "--apportioning", type=click.Choice(["macs", "fitted", "elements", "calls"]), default="fitted", show_default=True,
    help="How whole latencies fall to blocks.",
)
@click.option(
    "--algorithm", default="model", show_default=True, help="model needs the fewest evaluations.",
    type=click.Choice(["model", "asng", "asng-published", "evolution", "nsga2", "random", "exhaustive"]),
)
@click.option("--seed", default=0, show_default=True, help="Of every random draw.")
@click.option("--budget", default=100, show_default=True, help="Distinct evaluations, those resumed included.")
@click.option(
    "--resume", type=UserPath(dir_okay=False),
    help="File written after every evaluation, and gone on from where it exists.",
)
@json_option
def command(
    accuracy_table: str | None, accuracy_callable: str | None, board: str, server: str, limit_ms: float,
    throughput_mbit_s: float, round_trip_ms: float, apportioning: str, algorithm: str, seed: int, budget: int,
    resume: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Search cell and cut for the most accurate candidate within a latency limit, evaluation by evaluation.

    Latencies are known in advance, only accuracies are evaluated; candidates that miss the limit never are. Cells
    without a path from input to output are no candidates. The gap to the optimum is told where a table knows it.
    """
    from nasc_search.accuracy.function import output_aside
    from nasc_search.algorithms.choice import AlgorithmName
    from nasc_search.experiment.apportion import Apportioning
    from nasc_search.experiment.pool import LinkState
    from nasc_search.experiment.searching import SearchOptions, search_cells

    options = SearchOptions(
        board, server, limit_ms, LinkState(throughput_mbit_s, round_trip_ms), accuracy_table, accuracy_callable,
        AlgorithmName(algorithm), seed, budget, Apportioning(apportioning), resume,
    )  # fmt: skip
    with output_aside():
        found = search_cells(options, lambda progress: click.echo(str(progress), err=True))
    if as_json:
        print_json(found)
    else:
        click.echo(_text(found))


def _text(found: Found) -> str:
    gap = "the optimum is not known" if found.gap is None else f"{100 * found.gap:.2f} % below the optimum"
    lines = [
        found.arch,
        f"cut {found.cut} ({found.cut_tensor}), {found.latency_ms:.2f} ms, accuracy {100 * found.accuracy:.2f} %, "
        f"{gap}",
        f"{found.evaluations} evaluations by {found.algorithm}; {found.feasible_cells} cells keep the limit at a cut",
    ]
    if found.compared is not None:
        lines.append(
            f"function against table on {found.compared.samples} cells: {found.compared}"
        )
    return "\n".join([*lines, *(f"- {note}" for note in found.notes)])
