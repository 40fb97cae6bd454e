"""``nasc-sdk cost-model``: what a device's cost model says, exports, how it changed, and how good few samples are."""

from __future__ import annotations

import click

from nasc_search.cli import cost_model_compare, cost_model_evaluate, cost_model_export, cost_model_show


@click.group(
    epilog="""\b
Examples:
  nasc-sdk cost-model show pi4
  nasc-sdk cost-model export pi4 --output pi4.csv
  nasc-sdk cost-model compare before.json after.json
  nasc-sdk cost-model evaluate --measurements nb201_latency_ms.npz --device raspi4 --samples 10
"""
)
def command() -> None:
    """Show, export and compare cost models; evaluate few-shot prediction on a benchmark's files."""


for _verb in (cost_model_show, cost_model_export, cost_model_compare, cost_model_evaluate):
    command.add_command(_verb.command)
