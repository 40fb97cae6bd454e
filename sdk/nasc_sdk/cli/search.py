"""``nasc-sdk search``: the best candidate under a limit, without changing anything."""

from __future__ import annotations

import json
from typing import Any

import click

from nasc_sdk.cli.asking import ask_service, given, goal_options
from nasc_sdk.cli.output import broker_option, device_option, json_option, print_json, site_option


@click.command(
    epilog="""\b
Examples:
  nasc-sdk search --limit-ms 8
  nasc-sdk search --limit-ms 8 --throughput-mbit-s 1 --round-trip-ms 60     what if the link were this bad
  nasc-sdk search --limit-ms 80 --throughput-mbit-s 5 --round-trip-ms 20 --loss 0.01    and lost one segment in 100
  nasc-sdk search --limit-ms 8 --raw-input-may-leave --json
  nasc-sdk search --limit-ms 8 --objective energy                           least energy, within a point of accuracy
  nasc-sdk search --limit-ms 8 --objective energy --min-accuracy 0.85 --power-w 4.1,2.6
  nasc-sdk search --objective latency --min-accuracy 0.92                   fastest of those; needs no limit
  nasc-sdk search --limit-ms 8 --max-server-ms 2                            leave the server to other boards, too
"""
)
@broker_option
@site_option
@device_option
@goal_options
@json_option
def command(broker_url: str, site: str, device: str, as_json: bool, **options: Any) -> None:
    """Find the best architecture, cut and encoding under a limit.

    Exact over all candidates; prints the choice, the runners-up, why it won and what would flip it.
    """
    from nasc_sdk.protocol.messages import ServiceVerb

    answer = json.loads(
        ask_service(
            broker_url, site, ServiceVerb.SEARCH, device, given(options), timeout_s=60.0, quiet=as_json
        )
    )
    if as_json:
        print_json(answer)
        return
    click.echo(answer["text"])
    click.echo(f"\nlink {answer['link_source']}; searched in {answer['search_ms']:.1f} ms\n{answer['predictor']}")
