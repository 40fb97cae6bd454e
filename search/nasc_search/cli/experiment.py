"""``nasc-sdk experiment``: comparisons on measured benchmarks."""

from __future__ import annotations

import click

from nasc_search.cli import experiment_nasc_vs_hwnas, experiment_search


@click.group(
    epilog="""\b
Examples:
  nasc-sdk experiment nasc-vs-hwnas --space nb201 --accuracy-table nb201_accuracy.npz:cifar10_test_200 \\
      --board nb201_latency_ms.npz:raspi4 --server nb201_latency_ms.npz:titan_rtx_1 --output report
"""
)
def command() -> None:
    """Compare searches on the measurements of benchmarks."""


for _verb in (experiment_nasc_vs_hwnas, experiment_search):
    command.add_command(_verb.command)
