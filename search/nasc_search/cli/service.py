"""``nasc-sdk service``: the search service's process."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import broker_option, site_option


@click.command(
    epilog="""\b
Examples:
  nasc-sdk service --broker mqtt://broker.local:1883
  nasc-sdk service --pretrained runs/mine --dataset cifar10 --data ~/cifar
"""
)
@broker_option
@site_option
@click.option(
    "--state-dir", type=click.Path(file_okay=False, path_type=Path), default=Path("nasc-state"), show_default=True,
    help="Where the service remembers devices, profiles and deployments.",
)
@click.option(
    "--pretrained", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder made by nasc-sdk train  [default: the shipped Fashion-MNIST supernet].",
)
@click.option("--dataset", default="fashion-mnist", show_default=True, help="fashion-mnist, cifar10, cifar100, folder.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set's files.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Processor threads of torch.")
def command(
    broker_url: str, site: str, state_dir: Path, pretrained: Path | None, dataset: str, data: Path | None, threads: int
) -> None:
    """Run the search service.

    Prints one JSON line when ready and runs until SIGTERM or Ctrl-C.
    """
    from nasc_search.torch_extra import require_torch

    require_torch("search")
    from nasc_search.service.process import Options, run

    run(Options(broker_url, site, state_dir, pretrained, dataset, data, threads))
