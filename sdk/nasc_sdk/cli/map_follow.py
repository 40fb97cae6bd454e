"""``nasc-sdk map follow``: what a map's file says of a board's link as it changes."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import broker_option, site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk map follow map.json
  nasc-sdk map follow map.json --device pi --seconds 600 --json
"""
)
@click.argument("path", metavar="FILE", type=UserPath(dir_okay=False))
@broker_option
@site_option
@click.option("--device", help="Device name in the topics  [default: the map's].")
@click.option("--seconds", default=86_400.0, type=Finite(0.1), help="Stop after so long  [default: a day].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def follow(path: Path, broker_url: str, site: str, device: str | None, seconds: float, as_json: bool) -> None:
    """Print the best candidate for a board's link now, and whenever it becomes another one; deploys nothing.

    Needs the file and the broker alone, no search service: it runs on the board as well.
    """
    import time

    import msgspec

    from nasc_sdk.link.link import describe_link
    from nasc_sdk.mqtt.observe import observe
    from nasc_sdk.protocol.messages import LinkReport
    from nasc_sdk.regime.follow import stages
    from nasc_sdk.regime.map_file import load_map
    from nasc_sdk.regime.show import describe

    regimes = load_map(path)
    wanted = device or regimes.device
    heard = (message for whose, message in observe(broker_url, site, seconds) if whose == wanted)
    for stage in stages(regimes, (message for message in heard if isinstance(message, LinkReport))):
        if as_json:
            click.echo(msgspec.json.encode(stage).decode())
            continue
        link = describe_link((stage.throughput_mbit_s,), (stage.round_trip_ms,))
        link += f", {stage.unanswered:.1%} of requests unanswered" if stage.unanswered else ""
        link += "" if stage.on_map else ", beside the map"
        answer = "no candidate keeps the limit" if stage.regime is None else describe(stage.regime)
        click.echo(f"{time.strftime('%H:%M:%S')}  {link}: {answer}")
