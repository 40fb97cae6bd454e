"""``nasc-sdk service``: the search service's process."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import broker_option, site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk service --broker mqtt://broker.local:1883
  nasc-sdk service --pretrained runs/mine --dataset cifar10 --data ~/cifar
  nasc-sdk service --accuracy-table nb201_accuracy.npz:cifar10_test_200
  nasc-sdk service --accuracy-callable training:accuracy_of --accuracy-samples 40
"""
)
@broker_option
@site_option
@click.option(
    "--state-dir", type=UserPath(file_okay=False), default=Path("nasc-state"), show_default=True,
    help="Where the service remembers devices, profiles and deployments.",
)
@click.option(
    "--pretrained", type=UserPath(exists=True, file_okay=False),
    help="Folder made by nasc-sdk train  [default: the shipped Fashion-MNIST supernet].",
)
@click.option(
    "--dataset", default="fashion-mnist", show_default=True,
    help="What the supernet was trained on: fashion-mnist, cifar10, cifar100, folder.",
)
@click.option("--data", type=UserPath(), help="Folder that holds the data set's files.")
@click.option(
    "--accuracy-table", metavar="FILE.npz:KEY",
    help="Search by this table's accuracies, in per cent, instead of the supernet's: docs/accuracy.md.",
)
@click.option(
    "--accuracy-callable", metavar="MODULE:FUNCTION",
    help="Search by what this function says: it takes an architecture's string and returns 0..1.",
)
@click.option(
    "--accuracy-samples", type=click.IntRange(10, 10_000), metavar="N",
    help="Ask the function for so many architectures at the start, and predict the others  [default: 100].",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Processor threads of torch.")
def command(
    broker_url: str, site: str, state_dir: Path, pretrained: Path | None, dataset: str, data: Path | None,
    accuracy_table: str | None, accuracy_callable: str | None, accuracy_samples: int | None, threads: int,
) -> None:  # fmt: skip
    """Run the search service, which remembers what was measured, searches and deploys.

    "nasc-sdk up" starts it together with a broker and an edge server. Prints one JSON line when ready and runs until
    SIGTERM or Ctrl-C. What takes long before that (a space that is listed for the first time, a function that tells
    accuracies) is told in lines {"starting": ...} every five seconds. What a function told is kept.
    """
    if accuracy_table and accuracy_callable:
        raise click.UsageError("accuracies come from --accuracy-table or --accuracy-callable, not from both")
    if accuracy_samples and not accuracy_callable:
        raise click.UsageError("--accuracy-samples only with --accuracy-callable")
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_search.service.accuracy_source import SAMPLES, Asked
    from nasc_search.service.process import Options, run

    asked = Asked(accuracy_table, accuracy_callable, accuracy_samples or SAMPLES)
    run(Options(broker_url, site, state_dir, pretrained, dataset, data, threads, asked))
