"""``nasc-sdk report``: a demo's summary as a page."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk report                                       nasc-demo/summary.json -> nasc-demo/report.html
  nasc-sdk report --summary run7/summary.json --output run7.html
  nasc-sdk report --json | jq '.promises[] | select(.held | not)'
\b
With --json nothing is written: the checked summary is printed, and matplotlib is not needed.
"""
)
@click.option(
    "--summary", "source", type=UserPath(), default=Path("nasc-demo/summary.json"), show_default=True,
    help="What a demo left.",
)  # fmt: skip
@click.option(
    "--output", type=UserPath(), default=Path("nasc-demo/report.html"), show_default=True,
    help="Page to write; its directory is made when missing.",
)  # fmt: skip
@json_option
def command(source: Path, output: Path, as_json: bool) -> None:
    """Turn a demo's summary into a self-contained HTML page."""
    from nasc_sdk.durable import make_directory, write_durably
    from nasc_sdk.report.html import render
    from nasc_sdk.report.summary import load

    summary = load(source)
    if as_json:
        print_json(summary)
        return
    page = render(summary).encode()
    make_directory(output.parent)
    write_durably(output, page)
    click.echo(f"{output}: {'every promise was held' if summary.held else 'NOT every promise was held'}")
