"""``nasc-sdk shape``: a link of given bandwidth, delay and loss before a TCP port."""

from __future__ import annotations

import click


@click.command(
    epilog="""\b
Example:
  nasc-sdk shape --listen 127.0.0.1:7001 --to 127.0.0.1:7000 --control 127.0.0.1:7002 \\
      --rate-mbit 50 --round-trip-ms 2
  echo '{"rate_mbit": 1, "round_trip_ms": 60}' | nc -q1 127.0.0.1 7002
"""
)
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where clients connect; port 0 picks one.")
@click.option("--to", required=True, metavar="HOST:PORT", help="The server behind the link.")
@click.option(
    "--control",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Takes changes, one JSON object a line.",
)
@click.option("--rate-mbit", default=50.0, show_default=True, help="Bandwidth towards the server, Mbit/s.")
@click.option("--down-mbit", default=0.0, help="Bandwidth towards the client  [default: the same].")
@click.option("--round-trip-ms", default=2.0, show_default=True, help="Delay, half of it each way, ms.")
@click.option("--jitter-ms", default=0.0, show_default=True, help="Largest extra delay each way, ms.")
@click.option("--loss", default=0.0, show_default=True, help="Share of 1400-byte segments lost, 0 to 0.9.")
@click.option("--seed", default=0, show_default=True, help="Of jitter and loss.")
# Spelled as for every verb; the ready line is JSON either way, since programs wait for it.
@click.option("--json", "as_json", is_flag=True, hidden=True)
def command(listen: str, to: str, control: str, seed: int, as_json: bool, **link: float) -> None:
    """Put a proxy with bandwidth, delay and loss before a port.

    Prints its ports as one JSON line when ready and runs until SIGTERM or Ctrl-C.
    """
    from nasc_sdk.link.shape import parse_address
    from nasc_sdk.link.shape_run import run
    from nasc_sdk.link.shaped_line import Shape

    run(parse_address(listen), parse_address(to), parse_address(control), Shape(**link), seed)
