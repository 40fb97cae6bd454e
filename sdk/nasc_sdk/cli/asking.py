"""What the verbs that ask the search service share: options of a goal and a link, and the question itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nasc_sdk.cli.numbers import NOT_NEGATIVE, POSITIVE, Finite
from nasc_sdk.cli.progress import progress_bar
from nasc_sdk.errors import NascError, RefusedError
from nasc_sdk.protocol.messages import ServiceProgress, ServiceReply, ServiceRequest, ServiceVerb
from nasc_sdk.protocol.topics import SERVICE, Topics

if TYPE_CHECKING:
    from nasc_sdk.mqtt.client import MqttClient

F = TypeVar("F", bound=Callable[..., Any])
Options = dict[str, str | int | float | bool]

_LIMIT = (
    click.option("--limit-ms", type=POSITIVE, help="Latency limit of a request, milliseconds  [default: as before]."),
    click.option("--percentile", type=Finite(50, 99.9), help="The limit holds at this percentile  [default: 95]."),
    click.option(
        "--raw-input-may-leave", is_flag=True, default=None, help="Allow the raw input to leave the board (cut 0)."
    ),
    click.option(
        "--arena-bytes", type=click.IntRange(0), help="Memory for activations on the board  [default: the board's own]."
    ),
    click.option(
        "--flash-bytes", type=click.IntRange(0), help="Room for the head's model file  [default: the board's own]."
    ),
    click.option(
        "--max-server-ms", type=NOT_NEGATIVE,
        help="Most that the edge server may compute for one request, tail and decoding, median milliseconds; 0 for "
        "any  [default: as before, else any].",
    ),
)  # fmt: skip
_GOAL = (
    *_LIMIT,
    click.option(
        "--objective", type=click.Choice(["accuracy", "energy", "latency"]),
        help="Most accurate candidate, or least energy of the board, or least latency (which needs no limit), among "
        "those accurate enough  [default: as before, else accuracy].",
    ),
    click.option(
        "--min-accuracy", type=Finite(0, 1, min_open=True),
        help="With energy or latency: accurate enough, 0..1  [default: one point below the most accurate feasible "
        "candidate].",
    ),
    click.option(
        "--max-energy-mj", type=POSITIVE, help="With energy: most that one request may take, millijoules."
    ),
    click.option(
        "--power-w", metavar="BUSY[,IDLE]",
        help="Watts of the board while computing and waiting; 'profile' forgets what was given before  "
        "[default: as before, else measured in its profile, else assumed].",
    ),
    click.option("--throughput-mbit-s", type=POSITIVE, help="Assume this uplink instead of the measured one."),
    click.option("--round-trip-ms", type=NOT_NEGATIVE, help="Assume this round trip instead of the measured one."),
    click.option(
        "--loss", type=Finite(0, 0.5),
        help="Assume that this share of TCP segments is lost as well, 0 to 0.5  [default: 0].",
    ),
)  # fmt: skip


def goal_options(function: F) -> F:
    """Options that say what is wanted, the same for ``search`` and ``deploy``."""
    return _with(_GOAL, function)


def limit_options(function: F) -> F:
    """Those of them that say what a candidate must keep."""
    return _with(_LIMIT, function)


def _with(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def given(options: dict[str, Any]) -> Options:
    """Only what the user said."""
    return {name: value for name, value in options.items() if value is not None}


def ask_service(
    broker_url: str, site: str, verb: ServiceVerb, device: str, options: Options, *, timeout_s: float, quiet: bool
) -> bytes:
    """The reply's JSON document; raises RefusedError with the service's exit code, UnreachableError."""
    from nasc_sdk.mqtt.ask import ask
    from nasc_sdk.mqtt.client import MqttClient

    request = ServiceRequest(request_id=uuid.uuid4().hex, verb=verb, device=device, options=options)
    client = MqttClient(broker_url, f"nasc-{verb.value}-{request.request_id[:12]}")
    try:
        client.connect()
        with progress_bar(verb.value, quiet=quiet) as show:

            def progress(step: ServiceProgress) -> None:
                show(step.done, step.total, step.label)

            reply = ask(client, Topics(site, SERVICE), request, timeout_s=timeout_s, on_progress=progress)
    except KeyboardInterrupt:
        if verb is not ServiceVerb.STATUS:
            click.echo(f"\n{verb.value}: {_give_up(client, site, request)}", err=True)
        raise
    finally:
        client.close()
    return document_of(reply, verb)


def _give_up(client: MqttClient, site: str, request: ServiceRequest) -> str:
    """Have the service stop, within seconds; what became of the request."""
    import json

    from nasc_sdk.mqtt.ask import cancel

    click.echo("\nstopping ... (Ctrl-C again leaves at once)", err=True)
    try:
        reply = cancel(client, Topics(site, SERVICE), request)
    except NascError:
        return "the search service has not said that it stopped; if it was asked it goes on: nasc-sdk status, watch"
    return str(json.loads(bytes(reply.document))["text"])


def document_of(reply: ServiceReply, verb: ServiceVerb) -> bytes:
    """The reply's JSON document; raises RefusedError, which ends the command with the service's exit code."""
    if reply.exit_code:
        refused = RefusedError(verb.value, reply.error or "the service gave no reason")
        refused.exit_code = reply.exit_code
        raise refused
    return bytes(reply.document)
