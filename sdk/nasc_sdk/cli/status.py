"""``nasc-sdk status``: who is there, what they run and how they do."""

from __future__ import annotations

import click

from nasc_sdk.cli.output import broker_option, format_table, json_option, print_json, site_option


@click.command(
    epilog="""\b
Examples:
  nasc-sdk status
  nasc-sdk status --broker mqtt://broker.local --json
"""
)
@broker_option
@site_option
@click.option("--wait-s", default=1.5, show_default=True, type=click.FloatRange(0.1, 60), help="How long to listen.")
@json_option
def command(broker_url: str, site: str, wait_s: float, as_json: bool) -> None:
    """Show devices, what they run and how they do."""
    from nasc_sdk.mqtt.observe import observe, summarise
    from nasc_sdk.protocol.messages import State

    heard = list(observe(broker_url, site, wait_s))
    if as_json:
        print_json(heard)
        return
    if not any(isinstance(message, State) for message in heard):
        click.echo(f"no device has been seen at site {site}")
        return
    header = ("device", "role", "online", "runtime", "deployment", "link", "total p50/p95 ms")
    click.echo(format_table(header, summarise(heard)))
