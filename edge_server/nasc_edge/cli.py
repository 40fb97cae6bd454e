"""``nasc-sdk edge``: the edge server's process."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import broker_option, site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Example:
  nasc-sdk edge --broker mqtt://broker.local:1883 --listen 0.0.0.0:7000 --advertise edge.local:7000
"""
)
@broker_option
@site_option
@click.option("--device", default="edge", show_default=True, help="Name of this server in the topics.")
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Tensor port; port 0 picks one.",
)
@click.option(
    "--advertise",
    default="",
    metavar="HOST:PORT",
    help="Where boards reach the tensor port  [default: where it listens].",
)
@click.option(
    "--state-dir",
    type=UserPath(file_okay=False),
    default=Path("nasc-edge"),
    show_default=True,
    help="Tails, profiles and the session counter.",
)
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Tails run at once."
)
@click.option(
    "--grace-s",
    default=5.0,
    show_default=True,
    type=Finite(0, 3600),
    help="How long tails that are not desired any more are still served.",
)
def command(
    broker_url: str, site: str, device: str, listen: str, advertise: str, state_dir: Path, threads: int,
    grace_s: float,
) -> None:  # fmt: skip
    """Run the edge server that holds the tails.

    Prints its addresses as one JSON line when ready and runs until SIGTERM or Ctrl-C.
    """
    from nasc_edge.process import Options, run
    from nasc_sdk.link.shape import parse_address

    if advertise:
        parse_address(advertise)
    run(Options(broker_url, site, device, parse_address(listen), advertise, state_dir, threads, grace_s))
