"""``nasc-sdk cost-model``: what a device's cost model says, exports, how it changed, and how good few samples are."""

from __future__ import annotations

import click

from nasc_search.cli import cost_model_evaluate


@click.group()
def command() -> None:
    """Show, export and compare cost models; evaluate few-shot prediction on a benchmark's files."""


command.add_command(cost_model_evaluate.command)
