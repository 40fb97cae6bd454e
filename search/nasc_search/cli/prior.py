"""``nasc-sdk prior``: what is known of devices before anything is measured."""

from __future__ import annotations

import click

from nasc_search.cli import prior_fit, prior_import, prior_list


@click.group(
    epilog="""\b
Examples:
  nasc-sdk prior import HW-NAS-Bench-v1_0.pickle
  nasc-sdk prior list
  nasc-sdk prior fit --measurements nb201_latency_ms.npz --output mine.json
"""
)
def command() -> None:
    """Measured tables of benchmarks: import them, list them, fit priors on them."""


command.add_command(prior_import.command)
command.add_command(prior_list.command)
command.add_command(prior_fit.command)
