"""``nasc-sdk prior import``: a benchmark's file becomes tables of plain numbers."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_sdk.cli.paths import UserPath


@click.command(
    "import",
    epilog="""\b
Examples:
  nasc-sdk prior import HW-NAS-Bench-v1_0.pickle        the official file, read without executing it
  nasc-sdk prior import nb201_latency_ms.npz            one array of 15,625 values a device
  nasc-sdk prior import mine_us.npz --into tables       microseconds become milliseconds
""",
)
@click.argument("file", type=UserPath())
@click.option("--into", type=UserPath(), help="Folder for tables (default: per user).")
@json_option
def command(file: Path, into: Path | None, as_json: bool) -> None:
    """Import measurements: HW-NAS-Bench's pickle, or an .npz with its unit in its name (_ms, _us, _s, _mj).

    The pickle is read by a machine that knows plain values only, in a process of little memory; nothing in it is
    executed. Tables appear whole, or not at all.
    """
    from nasc_search.measured.shelf import default_shelf, import_file

    done = import_file(file, into or default_shelf())
    if as_json:
        print_json(done)
        return
    click.echo(f"{done.folder}{'  (was there already)' if done.already_there else ''}")
    for table in done.manifest.files:
        click.echo(f"  {table.name}: {table.rows} rows, {', '.join(table.devices)} ({table.unit})")
    for line in done.manifest.left_out:
        click.echo(f"  left out: {line}")
