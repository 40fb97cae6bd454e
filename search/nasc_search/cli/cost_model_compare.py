"""``nasc-sdk cost-model compare``: which blocks moved, by how much, and whether that is noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import broker_option, format_table, json_option, print_json, site_option

if TYPE_CHECKING:
    from nasc_sdk.cost.compare import Comparison

_MOVED = 1


@click.command(
    "compare",
    epilog="""\b
Examples:
  nasc-sdk cost-model compare before.json after.json
  nasc-sdk cost-model compare release.json pi4 --tolerance 0.1       a file against the device as calibrated last
\b
Exit status: 0 nothing moved beyond noise and tolerance; 1 something did; others as in nasc-sdk --help.""",
)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option(
    "--tolerance", default=0.05, show_default=True, type=Finite(0), help="Relative change that is accepted."
)
@click.option("--top", default=12, show_default=True, type=click.IntRange(0), help="Blocks shown; 0 shows all.")
@broker_option
@site_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, before: str, after: str, tolerance: float, top: int, broker_url: str, site: str, as_json: bool
) -> None:
    """Compare two cost models, each a file that cost-model export wrote or a device of the search service."""
    from nasc_sdk.cost.compare import compare
    from nasc_search.cli.cost_model_source import open_document

    documents = [open_document(source, broker_url, site) for source in (before, after)]
    found = compare(documents[0], documents[1], tolerance)
    if as_json:
        print_json({"moved": len(found.moved), "tolerance": tolerance, "comparison": found})
    else:
        click.echo(_text(found, tolerance, top or len(found.moves)))
    ctx.exit(_MOVED if found.moved else 0)


def _text(found: Comparison, tolerance: float, top: int) -> str:
    rows = [
        (move.operators, f"{move.before_us:.1f}", f"{move.after_us:.1f}", f"{move.change:+.1%}",
         f"± {move.noise_us:.1f}", "moved" if move.moved else "noise")
        for move in found.moves[:top]
    ]  # fmt: skip
    lines = [format_table(("block", "before us", "after us", "change", "noise us", "verdict"), rows)]
    lines += [f"conditions differ: {text}" for text in found.conditions]
    if found.only_before or found.only_after:
        lines.append(f"{found.only_before} blocks only before, {found.only_after} only after: not compared")
    count = len(found.moved)
    lines.append(
        f"{count} of {len(found.moves)} blocks moved by more than noise and {tolerance:.0%}"
        if count
        else f"no change beyond noise and {tolerance:.0%} in {len(found.moves)} blocks"
    )
    return "\n".join(lines)
