"""``nasc-sdk prior fit``: coefficients of thoroughly measured devices, for predicting others from a few samples."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from nasc_sdk.cli.output import format_table, json_option, print_json
from nasc_sdk.cli.paths import UserPath


@click.command(
    "fit",
    epilog="""\b
Examples:
  nasc-sdk prior fit --measurements nb201_latency_ms.npz --output mine.json
  nasc-sdk prior fit --measurements a_ms.npz --measurements b_ms.npz --device rice_edgegpu=edgegpu --output mine.json
  nasc-sdk cost-model evaluate --prior mine.json --measurements new_ms.npz --device tx2 --samples 10
"""
)
@click.option(
    "--measurements", "files", type=UserPath(exists=True, dir_okay=False), multiple=True,
    required=True, help="Files of whole-network figures, one array a device; may be given several times.",
)
@click.option(
    "--device", "wanted", multiple=True, metavar="NAME[=NEW]",
    help="Only these devices, renamed where =NEW is said  [default: all in the files].",
)
@click.option("--origin", default="the user's measurements", show_default=True, help="Whose measurements they are.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the measurements.")
@click.option(
    "--output", type=UserPath(dir_okay=False), required=True, help="The table of priors to write."
)
@json_option
def command(
    files: tuple[Path, ...], wanted: tuple[str, ...], origin: str, licence: str, output: Path, as_json: bool
) -> None:
    """Fit the prior of known devices from files of whole-network figures.

    The table holds a few dozen numbers a device, no measurements. What each device does with operators whose result
    is not used is found out on the way.
    """
    from nasc_search.fewshot.known import write_table
    from nasc_search.fewshot.learn import learn_table
    from nasc_search.measured.npz import load_measurements

    names = {item.partition("=")[0]: item.partition("=")[2] or item for item in wanted}
    # Folders say where this machine keeps its files, not what the table was made of.
    words = [word for path in files for word in ("--measurements", path.name)]
    words += [word for item in wanted for word in ("--device", item)]
    line = shlex.join(["nasc-sdk", "prior", "fit", *words])
    table = learn_table([load_measurements(path) for path in files], names, origin, licence, line)
    write_table(output, table)
    if as_json:
        summary = [{"device": d.name, "reach": d.reach, "mean": d.mean, "noise": d.noise} for d in table.devices]
        print_json({"output": str(output), "quantity": table.quantity, "devices": summary})
        return
    rows = [
        (device.name, device.family, f"{device.mean:.4g}", f"{device.noise:.2%}", device.reach.value)
        for device in table.devices
    ]
    unit = table.quantity.value.rpartition("_")[2]
    click.echo(format_table(("device", "family", f"mean {unit}", "not explained", "operators it runs"), rows))
    click.echo(f"{len(rows)} devices written to {output}")
