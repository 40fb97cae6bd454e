"""``nasc-sdk cost-model evaluate``: the few-shot benchmark on a file of measurements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.output import format_table, json_option, print_json
from nasc_sdk.cli.paths import UserPath
from nasc_sdk.cli.progress import progress_bar

if TYPE_CHECKING:
    from nasc_search.fewshot.evaluate import Evaluation, MeanStd


@click.command(
    "evaluate",
    epilog="""\b
Examples:
  nasc-sdk cost-model evaluate --measurements nb201_latency_ms.npz --device raspi4
  nasc-sdk cost-model evaluate --measurements nb201_latency_ms.npz --device raspi4 --samples 20 --sampling active --json
  nasc-sdk cost-model evaluate --space fbnet --measurements fbnet_ms.npz --device mine --protocol all
  nasc-sdk cost-model evaluate --measurements mine_ms.npz --device mine --prior-devices raspi4,pixel3,fpga
"""
)
@click.option("--space", type=click.Choice(["nb201", "fbnet"]), help="Search space  [default: what the file shows].")
@click.option(
    "--measurements", "path", type=UserPath(exists=True, dir_okay=False), required=True,
    help="Whole-network figures, one array a device; it may hold only the device asked for.",
)
@click.option("--device", required=True, help="The device to treat as never seen.")
@click.option("--samples", default=10, show_default=True, type=click.IntRange(3, 1000), help="Architectures measured.")
@click.option("--draws", default=20, show_default=True, type=click.IntRange(1, 1000), help="Repetitions.")
@click.option(
    "--protocol", type=click.Choice(["help", "all"]),
    help="What is predicted: HELP's architectures 900-1899, middle 80 %, or all that were not measured  "
    "[default: help for nb201, all for fbnet].",
)
@click.option(
    "--sampling", type=click.Choice(["random", "active"]), default="random", show_default=True,
    help="Samples drawn at random, or chosen one by one.",
)
@click.option(
    "--prior-devices",
    help="Known devices to start from, comma-separated  [default: all but those named like --device].",
)
@click.option(
    "--prior", type=UserPath(exists=True, dir_okay=False),
    help="A table made by nasc-sdk prior fit  [default: the shipped one].",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of all draws.")
@json_option
def command(
    space: str | None, path: Path, device: str, samples: int, draws: int, protocol: str | None, sampling: str,
    prior_devices: str | None, prior: Path | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Predict a device from a few of its measurements, and compare with all of them.

    The device counts as never seen: known devices that carry its name are left out, unless --prior-devices asks for
    them. Errors and coverage are of architectures that were not measured.
    """
    from nasc_search.fewshot.evaluate import Plan, Protocol, Sampling, default_protocol, evaluate
    from nasc_search.fewshot.known import known_table
    from nasc_search.measured.npz import SpaceName, load_measurements

    measurements = load_measurements(path, SpaceName(space) if space else None)
    table = known_table(prior, measurements.space, measurements.quantity)
    wanted_devices = [name.strip() for name in (prior_devices or "").split(",") if name.strip()]
    chosen = table.select(wanted_devices) if wanted_devices else table.without(device)
    wanted = Protocol(protocol) if protocol else default_protocol(measurements.space)
    plan = Plan(device, samples, draws, wanted, Sampling(sampling), seed)
    with progress_bar(device, quiet=as_json) as move:
        result = evaluate(measurements, chosen, plan, lambda done: move(done, draws, f"draw {done}"))
    if as_json:
        print_json(result)
    else:
        click.echo(_text(result))


def _text(result: Evaluation) -> str:
    rows = [
        (name, *(_cell(metric, scores) for metric in ("spearman", "kendall", "mape", "coverage90")))
        for name, scores in (("ours", result.ours), *result.baselines.items())
    ]
    return "\n".join(
        (
            f"{result.device} ({result.space.value}): {result.samples} {result.sampling.value} samples, "
            f"{result.draws} draws, {result.tested} architectures to predict (protocol {result.protocol.value})",
            f"known devices: {', '.join(result.prior_devices)}",
            "",
            format_table(("mean ± deviation over draws", "Spearman", "Kendall", "MAPE", "in 90 % interval"), rows),
        )
    )


def _cell(metric: str, scores: dict[str, MeanStd]) -> str:
    if metric not in scores:
        return "-"
    spread = scores[metric]
    if metric in ("mape", "coverage90"):
        return f"{spread.mean:.1%} ± {spread.std:.1%}"
    return f"{spread.mean:.4f} ± {spread.std:.4f}"
