"""``nasc-sdk deploy``: search and bring the result to board and edge server, or push a candidate by hand."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from nasc_sdk.cli.asking import ask_service, given, goal_options
from nasc_sdk.cli.output import broker_option, device_option, json_option, print_json, site_option

_TIMEOUT_S: Final = 180.0
_EPOCH_TIMEOUT_S: Final = 600.0


@click.command(
    epilog="""\b
Examples:
  nasc-sdk deploy --limit-ms 8                      search, deploy, and adapt when the link changes
  nasc-sdk deploy --limit-ms 8 --once               do not adapt by itself
  nasc-sdk deploy --limit-ms 8 --objective energy   least energy, and still so when it adapts
  nasc-sdk deploy --objective latency --min-accuracy 0.92 --max-server-ms 2
  nasc-sdk deploy --limit-ms 8 --finetune-epochs 5  train the winner alone first; needs the training images
  nasc-sdk deploy --limit-ms 8 --arch '|nor_conv_3x3~0|+|...|' --cut 3 --bits 4 --bottleneck 8
"""
)
@broker_option
@site_option
@device_option
@goal_options
@click.option("--arch", help="Deploy this architecture instead of searching; needs --cut.")
@click.option("--cut", type=click.IntRange(0), help="Cut of --arch: blocks that run on the board.")
@click.option("--bits", type=click.Choice(["8", "4", "2"]), help="Of each value that --arch sends  [default: 8].")
@click.option("--bottleneck", type=click.IntRange(0), help="Channels that its cut is narrowed to  [default: all].")
@click.option(
    "--entropy", type=click.Choice(["none", "zlib", "zstd"]),
    help="Coding of what it sends; zstd needs the extra on both sides  [default: none].",
)
@click.option(
    "--finetune-epochs",
    type=click.IntRange(1, 200),
    help="Train the chosen network alone for so long and use its weights where they are better; the search "
    "service needs the training images (service --data).",
)
@click.option("--once", is_flag=True, help="Do not search and deploy again when the link changes.")
@json_option
def command(broker_url: str, site: str, device: str, once: bool, as_json: bool, **options: Any) -> None:
    """Push a candidate: head to the board, tail to the edge server.

    The board verifies the head, tries it on a golden input and switches; the server holds the old tail until then.
    """
    from nasc_sdk.protocol.messages import ServiceVerb

    for name in ("cut", "bits", "bottleneck", "entropy"):
        if options[name] is not None and options["arch"] is None:
            raise click.UsageError(f"--{name} only with --arch")
    asked = given(options) | {"automatic": not once}
    timeout_s = _TIMEOUT_S + _EPOCH_TIMEOUT_S * int(asked.get("finetune_epochs", 0))
    document = ask_service(broker_url, site, ServiceVerb.DEPLOY, device, asked, timeout_s=timeout_s, quiet=as_json)
    answer = json.loads(document)
    if as_json:
        print_json(answer)
        return
    if answer["text"]:
        click.echo(answer["text"] + "\n")
    deployment = answer["deployment"]
    steps = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in deployment["seconds"].items())
    click.echo(f"deployed contract {deployment['contract']} ({steps})")
    click.echo(f"ready for other links: {answer['prepared']} architectures")
