"""``nasc-sdk watch``: what happens at a site, one line each."""

from __future__ import annotations

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import broker_option, site_option


@click.command(
    epilog="""\b
Examples:
  nasc-sdk watch
  nasc-sdk watch --seconds 60 --json
"""
)
@broker_option
@site_option
@click.option("--seconds", default=86_400.0, type=Finite(0.1), help="Stop after so long  [default: a day].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(broker_url: str, site: str, seconds: float, as_json: bool) -> None:
    """Follow what happens: state, links, deployments, latencies."""
    import time

    import msgspec

    from nasc_sdk.mqtt.observe import describe, observe

    for device, message in observe(broker_url, site, seconds):
        if as_json:
            line = {"device": device, "kind": type(message).__name__, "message": message}
            click.echo(msgspec.json.encode(line).decode())
        else:
            click.echo(f"{time.strftime('%H:%M:%S')}  {describe(device, message)}")
