"""``nasc-sdk demo``: the whole loop on this machine, with a report."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import click

from nasc_sdk.cli.numbers import POSITIVE
from nasc_sdk.cli.output import print_json
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk demo
  nasc-sdk demo --board this-machine --limit-ms 3
  nasc-sdk demo --coverage every            time all 953 blocks instead of 56: a minute longer
  nasc-sdk demo --board mps2-an386 --requests 200     an emulated microcontroller; seven minutes or more
\b
The board is this machine. As fast as the server it would never split, so by default it runs TFLite's
reference kernels, each run twice over, 60 to 90 times slower: a stand-in for a small board, labelled so
everywhere.
"""
)
@click.option(
    "--board", default="small", show_default=True, metavar="NAME",
    help="small, this-machine, or an emulated microcontroller of nasc-sdk boards.",
)  # fmt: skip
@click.option(
    "--instructions-per-s", type=POSITIVE, default=1e8, show_default=True,
    help="Of an emulated microcontroller, whose counts are no time: what is assumed.",
)  # fmt: skip
@click.option(
    "--limit-ms", type=POSITIVE,
    help="Latency limit at p95, milliseconds.  [default: 3 times what the lightest network takes on the board alone]",
)  # fmt: skip
@click.option(
    "--coverage",
    type=click.Choice(["every", "small"]),
    default="small",
    show_default=True,
    help="Time every distinct block of the space, or a few that tell most.",
)
@click.option(
    "--broker", type=click.Choice(["auto", "mosquitto", "embedded"]), default="embedded", show_default=True
)
@click.option("--requests", default=1000, show_default=True, type=click.IntRange(100, 10_000), help="Test images.")
@click.option(
    "--output", type=UserPath(file_okay=False), default=Path("nasc-demo"), show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON at the end instead of text.")
@click.pass_context
def command(
    context: click.Context, board: str, instructions_per_s: float, limit_ms: float | None, coverage: str, broker: str,
    requests: int, output: Path, as_json: bool,
) -> None:  # fmt: skip
    """Run the whole loop on this machine and leave a report.

    Profile, calibrate, search, deploy, split inference, a worse link, recovery. Exit status 0 only if every promise
    was held.
    """
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_sdk.durable import make_directory, write_durably
    from nasc_sdk.report.html import render
    from nasc_sdk.report.summary import save
    from nasc_search.demo.play import Options, run
    from nasc_search.demo.player import player

    played = player(board, instructions_per_s)
    # So that the processes it started are ended with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def say(text: str) -> None:
        if not as_json:
            click.echo(text)

    state = output / "state"
    shutil.rmtree(state, ignore_errors=True)
    make_directory(state)
    options = Options(played, state.resolve(), broker, limit_ms, coverage, requests)
    summary = run(options, say)
    save(output / "summary.json", summary)
    write_durably(output / "report.html", render(summary).encode())
    if as_json:
        print_json(summary)
    else:
        say("\n== Promises ==")
        for promise in summary.promises:
            say(f"{'held    ' if promise.held else 'NOT HELD'}  {promise.name}: {promise.detail}")
        say(f"\n{summary.duration_s:.0f} s; {output / 'summary.json'} and {output / 'report.html'}")
    context.exit(0 if summary.held else 1)
