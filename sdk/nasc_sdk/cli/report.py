"""``nasc-sdk report``: a demo's summary as a page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Example:
  nasc-sdk report --summary nasc-demo/summary.json --output report.html
"""
)
@click.option("--summary", type=click.Path(path_type=Path), default=Path("nasc-demo/summary.json"), show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("nasc-demo/report.html"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the summary instead of writing a page.")
def command(summary: Path, output: Path, as_json: bool) -> None:
    """Turn a demo's summary into a self-contained HTML page."""
    from nasc_sdk.cli.output import print_json
    from nasc_sdk.durable import write_durably
    from nasc_sdk.report.summary import load

    found = load(summary)
    if as_json:
        print_json(found)
        return
    from nasc_sdk.report.html import render

    write_durably(output, render(found).encode())
    click.echo(f"{output}: {'every promise was held' if found.held else 'NOT every promise was held'}")
