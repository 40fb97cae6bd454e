"""What verbs share when they print: JSON documents, tables, and the options every verb spells the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec
from click.core import ParameterSource

broker_option = click.option(
    "--broker", "broker_url", default="mqtt://127.0.0.1:1883", show_default=True, envvar="NASC_BROKER",
    help="MQTT broker, mqtt://[user:password@]host:port or mqtts://...",
)
site_option = click.option(
    "--site", default="home", show_default=True, envvar="NASC_SITE", help="Site name in the topics."
)
device_option = click.option("--device", default="board", show_default=True, help="Device name in the topics.")
board_option = click.option(
    "--board", "board_name", metavar="NAME", help="A microcontroller: one of nasc-sdk boards."
)
port_option = click.option(
    "--port", metavar="PORT", help="The microcontroller's serial port  [default: emulate --board here, or find it]."
)
baud_option = click.option(
    "--baud", type=click.IntRange(1), metavar="RATE",
    help="The microcontroller's serial rate in baud: what its firmware is built for  [default: its board file's].",
)
NO_LINE = "only with a microcontroller: --board or --port"
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")

kernels_option = click.option(
    "--kernels", type=click.Choice(["xnnpack", "builtin", "reference"]), default="xnnpack", show_default=True,
    help="With --model: operator kernels.",
)


def runtime_option(help_text: str) -> Callable[[Any], Any]:
    """Which TFLite runtime to load."""
    return click.option(
        "--runtime", "runtime_name", type=click.Choice(["auto", "ai-edge-litert", "tflite-runtime"]), default="auto",
        show_default=True, help=help_text,
    )


def refuse_given(names: Sequence[str], why: str) -> None:
    """A usage error for those of the verb's parameters that somebody typed though they do nothing here."""
    source = click.get_current_context().get_parameter_source
    typed = [name for name in names if source(name) is ParameterSource.COMMANDLINE]
    if typed:
        options = ", ".join("--" + name.removesuffix("_name").removesuffix("_path").replace("_", "-") for name in typed)
        raise click.UsageError(f"{options}: {why}")


def print_json(document: Any) -> None:
    """Print a value (dataclasses and structs included) as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = []
    for row in (header, *rows):
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
