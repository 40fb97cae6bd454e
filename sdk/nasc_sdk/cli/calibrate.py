"""``nasc-sdk calibrate``: a cost model from a handful of heads, chosen where it is least sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.numbers import POSITIVE, Finite
from nasc_sdk.cli.output import broker_option, device_option, format_table, json_option, site_option

if TYPE_CHECKING:
    from nasc_sdk.cost.calibrated import Calibrated


@click.command(
    epilog="""\b
Examples:
  nasc-sdk calibrate --device pi4                        about twenty heads, a few seconds of the board's time
  nasc-sdk calibrate --device edge                       the edge server's tails
  nasc-sdk calibrate --device pi4 --prior raspi4         start from what is known of a Raspberry Pi 4
  nasc-sdk calibrate --device pi4 --prior raspi4 --heads 0    measure nothing, take what is known
  nasc-sdk calibrate --device pi4 --precision 0.03 --heads 40 --json
\b
All times are measured on the device; a head's 90 % interval is predicted before it is compared."""
)
@broker_option
@site_option
@device_option
@click.option("--prior", help="Known device that this one resembles: raspi4, pixel3, fpga, ...  [default: all].")
@click.option(
    "--precision", type=Finite(0, 1, min_open=True, max_open=True), default=0.05, show_default=True,
    help="Stop when nine heads of ten are known this well (half a 90 % interval, relative).",
)
@click.option("--heads", type=click.IntRange(0, 500), default=20, show_default=True, help="Heads measured at most.")
@click.option(
    "--held-out", type=click.IntRange(0, 500), default=10, show_default=True,
    help="Heads measured beside them that show the error.",
)
@click.option(
    "--board-s", type=POSITIVE, default=30.0, show_default=True,
    help="Seconds that the board may be busy; looked at between batches of heads.",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=9, show_default=True, help="Interleaved rounds.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the heads to choose among.")
@click.option(
    "--timeout", "timeout_s", type=Finite(min=1), default=600.0, show_default=True,
    help="Seconds to wait for the service.",
)
@json_option
def command(
    broker_url: str, site: str, device: str, prior: str | None, precision: float, heads: int, held_out: int,
    board_s: float, rounds: int, seed: int, timeout_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Calibrate a device's cost model with as few measurements as it takes.

    The search service chooses which heads to measure next, asks the device for them, and stops when the predictions
    are sure enough or the budget is spent. Its cost model of the device is then what it searches with.
    """
    from nasc_sdk.cli.asking import ask_service, given
    from nasc_sdk.cost.calibrated import read_calibrated
    from nasc_sdk.protocol.messages import ServiceVerb

    options = given(
        {"prior": prior, "precision": precision, "heads": heads, "held_out": held_out, "board_s": board_s,
         "rounds": rounds, "seed": seed}
    )  # fmt: skip
    reply = ask_service(
        broker_url, site, ServiceVerb.CALIBRATE, device, options, timeout_s=timeout_s, quiet=as_json
    )
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(reply, indent=2).decode())
    else:
        click.echo(_text(read_calibrated(reply)))


def _text(found: Calibrated) -> str:
    if not found.steps:
        return (
            f"{found.device}: nothing was measured; its cost model is the prior of {found.prior}, wide and labelled. "
            f"See: nasc-sdk cost-model show {found.device}"
        )
    from nasc_sdk.cost.table import STEP_HEADER, tabulate_steps

    batches = [
        (str(step.measured_heads), f"± {step.interval:.1%}", f"{step.mean_error:.1%}", f"{step.max_error:.1%}",
         f"{step.rank_correlation:.3f}", f"{step.inside} of {len(step.held_out)}", f"{step.speed:.2f}",
         f"{step.board_s:.1f}")
        for step in found.steps
    ]  # fmt: skip
    held = [
        (head.title, f"{head.predicted_us:.1f}", f"{head.low_us:.1f} .. {head.high_us:.1f}",
         f"{head.measured_us:.1f}", f"{head.predicted_us / head.measured_us - 1:+.1%}")
        for head in found.steps[-1].held_out
    ]  # fmt: skip
    header = (
        "heads", "sure within", "mean error", "max error", "rank corr.", "in interval", "speed", "board s",
    )  # fmt: skip
    title = "after each batch; errors are of held-out heads, which are never fitted on:"
    lines = [title, format_table(header, batches)]
    if held:
        lines += ["", format_table(("held-out head", "predicted us", "90 % interval", "measured us", "error"), held)]
    if found.cost_model is not None and found.cost_model.coding:
        lines += ["", format_table(STEP_HEADER, tabulate_steps(found.cost_model.coding))]
    lines += [
        "",
        f"{found.device}: stopped because {found.why}; the board was busy for {found.board_s:.1f} s. "
        f"See: nasc-sdk cost-model show {found.device}",
    ]
    return "\n".join(lines)
