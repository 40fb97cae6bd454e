"""``nasc-sdk status``: who is there, what they run and how they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
States and deployments are retained and come at once; a link or a latency that is not reported while listening is the
last one that the search service knows. "-": nobody knows one."""
)
@broker_option
@site_option
@click.option("--wait-s", default=1.0, show_default=True, type=click.FloatRange(0.1, 60), help="How long to listen.")
@json_option
def command(broker_url: str, site: str, wait_s: float, as_json: bool) -> None:
    """Show devices, what they run and how they do."""
    from nasc_sdk.mqtt.observe import observe

    heard = [message for _, message in observe(broker_url, site, wait_s)]
    heard = [*_remembered(broker_url, site, heard), *heard]
    if as_json:
        print_json(heard)
        return
    rows = summarise(heard)
    click.echo(format_table(HEADER, rows) if rows else f"no device has been seen at site {site}")


def _remembered(broker_url: str, site: str, heard: Sequence[Message]) -> Iterator[Message]:
    """The last link and latency of boards that reported none; nothing where no search service answers."""
    import json

    from nasc_sdk.cli.asking import ask_service
    from nasc_sdk.errors import NascError
    from nasc_sdk.protocol.messages import LatencyReport, LinkReport, Role, ServiceVerb, State, decode

    boards = {message.device for message in heard if isinstance(message, State) and message.role is Role.BOARD}
    for device in sorted(boards - {message.device for message in heard if isinstance(message, LinkReport)}):
        try:
            raw = ask_service(broker_url, site, ServiceVerb.STATUS, device, {}, timeout_s=2.0, quiet=True)
        except NascError:
            return
        known = json.loads(raw)
        for name, kind in (("link", LinkReport), ("latency", LatencyReport)):
            if known.get(name):
                yield decode(kind, json.dumps(known[name]).encode(), "status")


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
    from nasc_sdk.link.link import describe_link

    return describe_link(report.throughput_mbit_s, report.round_trip_ms) if report else "-"


def _latency(report: LatencyReport | None) -> str:
    return "-" if report is None else f"{report.total_ms[0]:.2f}/{report.total_ms[1]:.2f}"
