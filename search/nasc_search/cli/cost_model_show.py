"""``nasc-sdk cost-model show``: operators, blocks and how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.output import broker_option, format_table, json_option, print_json, site_option

if TYPE_CHECKING:
    from nasc_sdk.cost.table import CostDocument


@click.command(
    "show",
    epilog="""\b
Examples:
  nasc-sdk cost-model show pi4                 the search service's cost model of the device pi4
  nasc-sdk cost-model show before.json         a file that cost-model export wrote
  nasc-sdk cost-model show pi4 --top 5 --json
""",
)
@click.argument("source", metavar="DEVICE|FILE")
@click.option("--top", default=12, show_default=True, type=click.IntRange(0), help="Blocks shown; 0 shows all.")
@broker_option
@site_option
@json_option
def command(source: str, top: int, broker_url: str, site: str, as_json: bool) -> None:
    """Show what operators and blocks take on a device, with 90 % intervals, in microseconds."""
    from nasc_search.cli.cost_model_source import open_document

    document = open_document(source, broker_url, site)
    if as_json:
        print_json(document)
    else:
        click.echo(_text(document, top or len(document.blocks)))


def _text(document: CostDocument, top: int) -> str:
    from nasc_sdk.cost.coding import is_coding_measured
    from nasc_sdk.cost.model import Z95
    from nasc_sdk.cost.table import STEP_HEADER, tabulate_steps

    model = document.model
    conditions = model.conditions
    operators = sorted(zip(model.op_keys, model.op_us, model.op_error_us, strict=True), key=lambda item: -item[1])
    lines = [
        f"{model.device}: {model.origin}, {conditions.runtime}, {conditions.kernels} kernels, {conditions.machine}",
        f"a run costs {model.invocation_us:.1f} us besides its operators; operators leave {model.residual:.1%} of a "
        f"head unexplained; p95 is {model.p95_ratio:.2f} times the median",
        "",
        format_table(
            ("operator, inside a head", "us", "90 % interval"),
            [(key, f"{us:.2f}", f"± {Z95 * error:.2f}") for key, us, error in operators],
        ),
        "",
        format_table(
            ("block", "us", "low", "high", "extrapolated"),
            [
                (row.operators, *(f"{us:.1f}" for us in (row.us, row.low_us, row.high_us)), _mark(row.extrapolated))
                for row in document.blocks[:top]
            ],
        ),
    ]
    if model.coding:
        lines += ["", format_table(STEP_HEADER, tabulate_steps(model.coding))]
    if not is_coding_measured(model.coding):
        lines += ["", "packing and entropy coding: assumed, as on an x86-64 machine; nasc-sdk calibrate measures them"]
    if top < len(document.blocks):
        lines.append(f"... and {len(document.blocks) - top} more; --top 0 shows all, cost-model export writes them")
    return "\n".join(lines)


def _mark(extrapolated: bool) -> str:
    return "yes" if extrapolated else ""
