"""``nasc-sdk status``: who is there, what they run and how they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from nasc_sdk.cli.output import broker_option, format_table, json_option, print_json, site_option

if TYPE_CHECKING:
    from nasc_sdk.protocol.messages import LatencyReport, LinkReport, Message, State

HEADER: Final = (
    "device", "role", "online", "since", "candidate", "deployment", "contracts", "link", "total p50/p95 ms",
)  # fmt: skip


@click.command(
    epilog="""\b
Examples:
  nasc-sdk status
  nasc-sdk status --wait-s 6
  nasc-sdk status --broker mqtt://broker.local --json
\b
States and deployments are retained and come at once. A board reports its latency every 2 s while it is asked, and
its link every 5 s: "-" says that nothing came while listening."""
)
@broker_option
@site_option
@click.option("--wait-s", default=2.5, show_default=True, type=click.FloatRange(0.1, 60), help="How long to listen.")
@json_option
def command(broker_url: str, site: str, wait_s: float, as_json: bool) -> None:
    """Show devices, what they run and how they do."""
    from nasc_sdk.mqtt.observe import observe

    heard = list(observe(broker_url, site, wait_s))
    if as_json:
        print_json(heard)
        return
    rows = summarise(heard)
    click.echo(format_table(HEADER, rows) if rows else f"no device has been seen at site {site}")


def summarise(heard: Sequence[Message]) -> list[tuple[str, ...]]:
    """Rows under HEADER, one a device, from the newest message of each kind."""
    from nasc_sdk.protocol.messages import DeployReported, LatencyReport, LinkReport, State

    states = {message.device: message for message in heard if isinstance(message, State)}
    reported = {message.device: message for message in heard if isinstance(message, DeployReported)}
    links = {message.device: message for message in heard if isinstance(message, LinkReport)}
    latencies = {message.device: message for message in heard if isinstance(message, LatencyReport)}
    rows: list[tuple[str, ...]] = []
    for device, state in sorted(states.items()):
        deployed = reported.get(device)
        rows.append(
            (
                device,
                state.role.value,
                "yes" if state.online else "no",
                _since(state),
                state.candidate or "-",
                f"{deployed.version} {deployed.status}" if deployed else "-",
                " ".join(state.contracts or (deployed.contracts if deployed else ())) or "-",
                _link(links.get(device)),
                _latency(latencies.get(device)),
            )
        )
    return rows


def _since(state: State) -> str:
    """When the device's process started, UTC; a device that is gone does not say when it went."""
    from datetime import UTC, datetime

    if not state.online or not state.since_unix_s:
        return "-"
    try:
        return f"{datetime.fromtimestamp(state.since_unix_s, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return "-"  # a clock that is far off


def _link(report: LinkReport | None) -> str:
    from statistics import median

    if report is None:
        return "-"
    throughput, trip = median(report.throughput_mbit_s), median(report.round_trip_ms)
    return f"{throughput:.3g} Mbit/s, {trip:.3g} ms"


def _latency(report: LatencyReport | None) -> str:
    return "-" if report is None else f"{report.total_ms[0]:.2f}/{report.total_ms[1]:.2f}"
