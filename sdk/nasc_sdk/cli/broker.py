"""``nasc-sdk broker``: a local MQTT broker until SIGTERM or Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.paths import UserPath

if TYPE_CHECKING:
    from nasc_sdk.mqtt.broker import Kind


@click.command(
    epilog="""\b
Examples:
  nasc-sdk broker                          mosquitto when installed, else the embedded broker
  nasc-sdk broker --kind embedded --port 0 on a free port
"""
)
@click.option("--kind", type=click.Choice(["auto", "mosquitto", "embedded"]), default="auto", show_default=True)
@click.option("--port", default=1883, show_default=True, help="Port on loopback; 0 picks a free one.")
@click.option(
    "--state-dir", type=UserPath(file_okay=False), default=Path("nasc-state/broker"),
    show_default=True, help="Where retained messages are kept.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of text when it serves.")
def command(kind: Kind, port: int, state_dir: Path, as_json: bool) -> None:
    """Start a local MQTT broker; prints one line when ready and runs until SIGTERM or Ctrl-C."""
    from nasc_sdk.errors import UnreachableError
    from nasc_sdk.mqtt.broker import start_broker

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with start_broker(kind, port=port, state_dir=state_dir) as broker:
        line = json.dumps({"url": broker.url, "kind": broker.kind}) if as_json else f"{broker.url} ({broker.kind})"
        click.echo(line)
        while not stopped.wait(0.5):
            if not broker.running:
                raise UnreachableError(broker.url, "the broker ended by itself")
