"""``nasc-sdk up``: broker, search service and edge server as child processes."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import click

from nasc_sdk.cli.output import site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk up                                    a broker on 127.0.0.1:1883, service and edge server
  nasc-sdk up --broker mqtt://broker.local:1883  with a broker that is there already
  nasc-sdk up --listen 0.0.0.0:7000 --advertise edge.local:7000
  nasc-sdk up --pretrained runs/mine --dataset fashion-mnist --data ~/fashion-mnist    your own supernet
  nasc-sdk up --accuracy-table nb201_accuracy.npz:cifar10_test_200     search by a benchmark's accuracies
"""
)
@click.option("--broker", "broker_url", default="", help="Use this broker instead of starting one.")
@click.option(
    "--port", default=1883, show_default=True, type=click.IntRange(0, 65535),
    help="Port of the started broker (loopback only).",
)
@site_option
@click.option("--listen", default="127.0.0.1:7700", show_default=True, metavar="HOST:PORT", help="Tensor port.")
@click.option("--advertise", default="", metavar="HOST:PORT", help="Where boards reach the tensor port.")
@click.option(
    "--state-dir", type=UserPath(file_okay=False), default=Path("nasc-state"), show_default=True,
    help="Profiles, deployments and logs of everything started here.",
)
@click.option("--pretrained", help="Folder of a supernet of your own  [default: the shipped one].")
@click.option("--dataset", help="What it was trained on  [default: fashion-mnist].")
@click.option("--data", help="Folder of that data set's files; fine-tuning needs them.")
@click.option("--accuracy-table", metavar="FILE.npz:KEY", help="Search by this table's accuracies: docs/accuracy.md.")
@click.option(
    "--accuracy-callable", metavar="MODULE:FUNCTION", help="Search by what this function says of an architecture, 0..1."
)
@click.option(
    "--accuracy-samples", metavar="N", help="Architectures that the function is asked for first  [default: 100]."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of text when everything serves.")
def command(
    broker_url: str, port: int, site: str, listen: str, advertise: str, state_dir: Path, pretrained: str | None,
    dataset: str | None, data: str | None, accuracy_table: str | None, accuracy_callable: str | None,
    accuracy_samples: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Start broker, search service and edge server; runs until Ctrl-C or SIGTERM."""
    from nasc_sdk.durable import make_directory
    from nasc_sdk.errors import UnreachableError
    from nasc_sdk.processes import Family

    make_directory(state_dir)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())

    def starting(text: str) -> None:
        click.echo(text, err=True)
        if stopped.is_set():
            raise click.Abort

    own = {
        "--pretrained": pretrained, "--dataset": dataset, "--data": data, "--accuracy-table": accuracy_table,
        "--accuracy-callable": accuracy_callable, "--accuracy-samples": accuracy_samples,
    }  # fmt: skip
    with Family(state_dir) as family:
        if not broker_url:
            broker_dir = str(state_dir / "broker")
            _, ready = family.start("broker", "broker", "--json", "--port", str(port), "--state-dir", broker_dir)
            broker_url = ready["url"]
        common = ("--broker", broker_url, "--site", site)
        _, edge = family.start(
            "edge", "edge", *common, "--listen", listen, "--advertise", advertise,
            "--state-dir", str(state_dir / "edge"),
        )  # fmt: skip
        given = [word for name, value in own.items() if value for word in (name, value)]
        _, service = family.start(
            "service", "service", *common, "--state-dir", str(state_dir / "service"), *given, tell=starting
        )
        click.echo(_shown(broker_url, site, edge, service, as_json=as_json))
        while not stopped.wait(0.5):
            for child in family.dead():
                raise UnreachableError(
                    child.name,
                    f"{child.end}, so everything started here was stopped; its last words are in "
                    f"{child.log}. Nothing that was kept is lost: nasc-sdk up",
                )


def _shown(broker_url: str, site: str, edge: dict[str, Any], service: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        shown = {"space": service["space"], "accuracy": service["accuracy"]}
        return json.dumps({"broker": broker_url, "edge": edge["address"], **shown})
    return (
        f"broker          {broker_url}\n"
        f"edge server     {edge['address']} ({edge['runtime']})\n"
        f"search service  {service['space']}, {service['archs']} architectures\n"
        f"accuracies      {service['accuracy']}\n\n"
        f"next, on the board: nasc-sdk agent --broker {broker_url} --site {site}"
    )
