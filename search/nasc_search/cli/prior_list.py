"""``nasc-sdk prior list``: which tables were imported, and from what."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import format_table, json_option, print_json
from nasc_sdk.cli.paths import UserPath

_HEADER = ("table", "rows", "devices", "unit", "source", "sha256")


@click.command(
    "list",
    epilog="""\b
Examples:
  nasc-sdk prior list
  nasc-sdk prior list --into tables --json
""",
)
@click.option("--into", type=UserPath(), help="Folder of tables (default: per user).")
@json_option
def command(into: Path | None, as_json: bool) -> None:
    """List imported tables with the digest of the file they come from; a table that has changed is an error."""
    from nasc_search.measured.shelf import default_shelf, shelved

    shelf = into or default_shelf()
    found = shelved(shelf)
    if as_json:
        print_json(found)
        return
    rows = [
        (f"{one.folder}/{file.name}", str(file.rows), str(len(file.devices)), file.unit, one.manifest.source,
         one.manifest.source_sha256[:12])
        for one in found
        for file in one.manifest.files
    ]  # fmt: skip
    click.echo(format_table(_HEADER, rows) if rows else f"nothing was imported into {shelf}")
