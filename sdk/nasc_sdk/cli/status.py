"""``nasc-sdk status``: who is there, what they run and how they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import broker_option, format_table, json_option, print_json, site_option

if TYPE_CHECKING:
    from nasc_sdk.protocol.messages import LatencyReport, LinkReport, Message, State

HEADER: Final = ("device", "role", "online since", "deployment", "link", "p50/p95 ms")
WIDTH: Final = 100


@click.command(
    epilog="""\b
Examples:
  nasc-sdk status
  nasc-sdk status --wait-s 6
  nasc-sdk status --broker mqtt://broker.local --json
\b
States and deployments are retained and come at once; a link or a latency that is not reported while listening is the
last one that the search service knows, which also says what was asked for, and how far a profile is that it works on.
"-": nobody knows one. A link is medians of throughput and round trip."""
)
@broker_option
@site_option
@click.option("--wait-s", default=1.0, show_default=True, type=Finite(0.1, 60), help="How long to listen.")
@json_option
def command(broker_url: str, site: str, wait_s: float, as_json: bool) -> None:
    """Show devices, what they run and how they do."""
    from nasc_sdk.mqtt.observe import observe

    heard = [message for _, message in observe(broker_url, site, wait_s)]
    known = dict(_remembered(broker_url, site, heard))
    heard = [*_last_reports(known, heard), *heard]
    if as_json:
        print_json([*heard, *running(known)])
        return
    rows = summarise(heard)
    if not rows:
        click.echo(f"no device has been seen at site {site}")
        return
    works = [_working(work) for work in running(known)]
    click.echo("\n".join([format_table(HEADER, rows), *details(heard, known), *works]))


def _remembered(broker_url: str, site: str, heard: Sequence[Message]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the search service knows of each board; nothing where none answers."""
    import json

    from nasc_sdk.cli.asking import ask_service
    from nasc_sdk.errors import NascError
    from nasc_sdk.protocol.messages import Role, ServiceVerb, State

    for device in sorted({m.device for m in heard if isinstance(m, State) and m.role is Role.BOARD}):
        try:
            raw = ask_service(broker_url, site, ServiceVerb.STATUS, device, {}, timeout_s=2.0, quiet=True)
        except NascError:
            return
        yield device, json.loads(raw)


def _last_reports(known: Mapping[str, dict[str, Any]], heard: Sequence[Message]) -> Iterator[Message]:
    """Link and latency of boards that reported no link while listening."""
    import json

    from nasc_sdk.protocol.messages import LatencyReport, LinkReport, decode

    reported = {message.device for message in heard if isinstance(message, LinkReport)}
    for device in known.keys() - reported:
        for name, kind in (("link", LinkReport), ("latency", LatencyReport)):
            if report := known[device].get(name):
                yield decode(kind, json.dumps(report).encode(), "status")


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
                _since(state),
                f"{deployed.version} {deployed.status}" if deployed else "-",
                _link(links.get(device)),
                _latency(latencies.get(device)),
            )
        )
    return rows


def details(heard: Sequence[Message], known: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Lines on what has no room in the table: candidate, contracts and goal of each device."""
    from nasc_sdk.protocol.messages import DeployReported, State

    states = {message.device: message for message in heard if isinstance(message, State)}
    reported = {message.device: message.contracts for message in heard if isinstance(message, DeployReported)}
    for device, state in sorted(states.items()):
        contracts = ", ".join(state.contracts or reported.get(device, ()))
        goal = known.get(device, {}).get("goal_text")
        told = (("runs", state.candidate), ("holds contracts", contracts), ("was asked for", goal))
        for what, text in told:
            if text:
                yield from wrap(f"{device} {what}: {text}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def running(known: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The one request that the search service works on, where it does; it says so whatever device it is asked about."""
    return [told["running"] for told in list(known.values())[:1] if told.get("running")]


def _working(work: Mapping[str, Any]) -> str:
    from datetime import UTC, datetime

    far = f": {work['done']} of {work['total']}, {work['label']}" if work["total"] else ""
    since = datetime.fromtimestamp(work["since_unix_s"], UTC)
    return f"search service: {work['verb']} of {work['device']} since {since:%H:%M:%SZ}{far}"


def _since(state: State) -> str:
    """When the device's process started, UTC; a device that is gone does not say when it went."""
    from datetime import UTC, datetime

    if not state.online:
        return "gone"
    if not state.since_unix_s:
        return "-"
    try:
        return f"{datetime.fromtimestamp(state.since_unix_s, UTC):%Y-%m-%d %H:%MZ}"
    except (OverflowError, ValueError, OSError):
        return "-"  # a clock that is far off


def _link(report: LinkReport | None) -> str:
    from nasc_sdk.link.link import describe_link

    if report is None:
        return "-"
    return describe_link(report.throughput_mbit_s, report.round_trip_ms).removesuffix(" round trip")


def _latency(report: LatencyReport | None) -> str:
    return "-" if report is None else f"{report.total_ms[0]:.2f}/{report.total_ms[1]:.2f}"
