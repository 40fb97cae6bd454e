"""``nasc-sdk experiment nasc-vs-hwnas``: joint search of architecture and split against searches that ignore it."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import format_table, json_option, print_json
from nasc_sdk.cli.paths import UserPath


def _numbers(_: click.Context, option: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """``1,2.5,10`` as floats."""
    try:
        return None if text is None else tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 1,2.5,10", param=option) from error


@click.command(
    "nasc-vs-hwnas",
    epilog="""\b
Examples:
  nasc-sdk experiment nasc-vs-hwnas --space nb201 --accuracy-table nb201_accuracy.npz:cifar100_test_200 \\
      --board nb201_latency_ms.npz:raspi4 --server nb201_latency_ms.npz:titan_rtx_1 --json
  nasc-sdk experiment nasc-vs-hwnas --space nb201 --accuracy-table nb201_accuracy.npz:cifar10_test_200 \\
      --board nb201_latency_ms.npz:pixel3 --board-slowdown 4 --server nb201_latency_ms.npz:gold_6240 --output report
  nasc-sdk experiment nasc-vs-hwnas --space fbnet --accuracy-table macs --board fbnet_ms.npz:raspi4 \\
      --server fbnet_ms.npz:2080ti_1 --throughputs 1,4,16,64 --round-trips 2,10,50
  nasc-sdk experiment nasc-vs-hwnas --space fbnet --accuracy-table runs/fbnet/accuracy.npz \\
      --board fbnet_lut.json:raspi4 --server fbnet_lut.json:titan_rtx_1 --output report      all 9^22 networks
""",
)
@click.option("--space", type=click.Choice(["nb201", "fbnet"]), required=True, help="Search space.")
@click.option(
    "--accuracy-table", "accuracy", required=True, metavar="FILE.npz[:KEY]",
    help="FILE.npz:KEY: accuracies in per cent. For fbnet also the word macs, a stand-in that only orders networks by "
    "size; and, with tables of layers, accuracy.npz as nasc-sdk train --space fbnet --evaluate leaves it.",
)
@click.option(
    "--board", required=True, metavar="FILE:DEVICE",
    help="Latencies on the board: FILE.npz of whole networks, or FILE.json of FBNet's layers.",
)
@click.option("--server", required=True, metavar="FILE:DEVICE", help="Latencies on the server, in the same form.")
@click.option("--board-slowdown", default=1.0, show_default=True, help="Take the board to be so many times slower.")
@click.option("--server-slowdown", default=1.0, show_default=True, help="Take the server to be so many times slower.")
@click.option("--input-bytes", "raw_bytes", default=3072, show_default=True, help="Of one raw image.")
@click.option(
    "--input-ratio", "raw_ratio", default=0.73, show_default=True, help="Compressed over raw size; 1: not compressed."
)
@click.option(
    "--apportioning", type=click.Choice(["macs", "fitted", "elements", "calls", "stem", "head"]), default="fitted",
    show_default=True, help="How totals, or what a table of layers has in common, fall to blocks; others are compared.",
)
@click.option(
    "--coding", type=UserPath(exists=True, dir_okay=False),
    help="Points lost by encodings, JSON as in experiment/coding.json  [default: the shipped table].",
)
@click.option("--fixed-cut", type=int, help="Of that baseline  [default: after the block that halves the map first].")
@click.option(
    "--throughputs", callback=_numbers, metavar="N,N,...", help="Mbit/s, ascending  [default: 12 from 0.5 to 100]."
)
@click.option("--round-trips", callback=_numbers, metavar="N,N,...", help="ms, ascending  [default: 7 from 2 to 100].")
@click.option("--limits-ms", callback=_numbers, metavar="N,N,...", help="Ascending  [default: 5 that suit the board].")
@click.option(
    "--output", type=UserPath(file_okay=False),
    help="Folder for README.md, saved.csv, result.json and plots (needs the extra 'report').",
)
@json_option
def command(
    space: str, accuracy: str, board: str, server: str, board_slowdown: float, server_slowdown: float, raw_bytes: int,
    raw_ratio: float, apportioning: str, coding: Path | None, fixed_cut: int | None,
    throughputs: tuple[float, ...] | None, round_trips: tuple[float, ...] | None, limits_ms: tuple[float, ...] | None,
    output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare NASC with hardware-aware search that ignores the split, over links and limits.

    Every architecture, cut and encoding is weighed, exactly; with tables of FBNet's layers, all 9^22. Latency saved is
    given against HWNAS on the board, HWNAS that loses the same points, HWNAS split afterwards, the most accurate
    network at its best cut, all on the server, and a fixed cut; with and without raw input that stays, with and without
    encodings. Cells without a path from input to output are never chosen.
    """
    from nasc_search.experiment.apportion import Apportioning
    from nasc_search.experiment.options import Options
    from nasc_search.experiment.page import accuracy_words, moved_table, region_table, write_report
    from nasc_search.experiment.plan import ROUND_TRIPS_MS, THROUGHPUTS_MBIT_S
    from nasc_search.experiment.run import run
    from nasc_search.measured.npz import SpaceName

    options = Options(
        SpaceName(space), accuracy, board, server, board_slowdown, server_slowdown, raw_bytes, raw_ratio,
        Apportioning(apportioning), coding, fixed_cut, throughputs or THROUGHPUTS_MBIT_S,
        round_trips or ROUND_TRIPS_MS, limits_ms or (),
    )  # fmt: skip
    document = run(options, lambda text: click.echo(text, err=True))
    written = write_report(document, output) if output else ()
    for path in written:
        click.echo(f"wrote {path}", err=True)
    if as_json:
        print_json(document)
        return
    click.echo(
        f"{document.architectures} architectures, {document.candidates} candidates; accuracy: "
        f"{accuracy_words(document)}\n"
        f"limit {document.grid.limits_ms[-1]:g} ms, at most 0.5 points lost, raw input stays, encodings allowed\n"
    )
    for table in (region_table(document), moved_table(document)):
        click.echo(format_table(table[0], table[1:]) + "\n")
    for line in (*document.assumptions, *document.notes):
        click.echo(f"- {line}")
