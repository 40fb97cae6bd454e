"""``nasc-sdk cost-model export``: the per-block latency table as CSV or JSON."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import broker_option, site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    "export",
    epilog="""\b
Examples:
  nasc-sdk cost-model export pi4 --output pi4.csv
  nasc-sdk cost-model export pi4 --output pi4.json          what show and compare read
  nasc-sdk cost-model export pi4.json --format csv          to standard output
""",
)
@click.argument("source", metavar="DEVICE|FILE")
@click.option(
    "--output", "path", type=UserPath(dir_okay=False),
    help="File to write  [default: standard output].",
)
@click.option(
    "--format", "form", type=click.Choice(["csv", "json"]), help="[default: what --output ends in, else csv]"
)
@broker_option
@site_option
def command(source: str, path: Path | None, form: str | None, broker_url: str, site: str) -> None:
    """Write what every block of the search space takes on a device, with 90 % intervals, in microseconds."""
    import msgspec

    from nasc_sdk.cost.table import to_csv
    from nasc_sdk.durable import write_durably
    from nasc_search.cli.cost_model_source import open_document

    document = open_document(source, broker_url, site)
    as_json = form == "json" or (form is None and path is not None and path.suffix == ".json")
    text = msgspec.json.format(msgspec.json.encode(document), indent=2) if as_json else to_csv(document).encode()
    if path is None:
        click.echo(text.decode(), nl=as_json)
        return
    write_durably(path, text)
    click.echo(f"{len(document.blocks)} blocks of {document.model.device} written to {path}")
