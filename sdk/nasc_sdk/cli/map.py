"""``nasc-sdk map``: the best candidate over every throughput, round trip and loss, at one limit; changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nasc_sdk.cli.asking import ask_service, given, limit_options
from nasc_sdk.cli.map_follow import follow
from nasc_sdk.cli.numbers import NOT_NEGATIVE, POSITIVE, Finite
from nasc_sdk.cli.output import broker_option, device_option, json_option, print_json, site_option
from nasc_sdk.cli.paths import UserPath

if TYPE_CHECKING:
    from nasc_sdk.regime.regime_map import MapAnswer

_FORMS: Final = (".json", ".csv", ".png")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  nasc-sdk map --limit-ms 8
  nasc-sdk map --limit-ms 8 --within-points 0.2 --output map.png       fewer candidates, nowhere 0.2 points worse
  nasc-sdk map --throughput-range 0.5,20 --round-trip-range 2,60 --output map.json
  nasc-sdk map --limit-ms 80 --loss 0,0.001,0.01,0.05 --output map.json      a slice for each share of lost segments
  nasc-sdk map lookup map.json --throughput-mbit-s 3 --round-trip-ms 12 --loss 0.002
  nasc-sdk map follow map.json
""",
)
@broker_option
@site_option
@device_option
@limit_options
@click.option("--throughput-range", metavar="LOW,HIGH", help="Mbit/s  [default: 0.1,100].")
@click.option("--round-trip-range", metavar="LOW,HIGH", help="Milliseconds  [default: 0.5,100].")
@click.option("--loss", metavar="LOSS,...", help="Rising shares of lost TCP segments, a slice each  [default: 0].")
@click.option(
    "--within-points", type=Finite(0, 100, max_open=True),
    help="Accuracy that an answer may be below the best, percent points  [default: 0].",
)
@click.option("--steady", is_flag=True, default=None, help="Links never vary  [default: as the board's link did].")
@click.option(
    "--output", "path", type=UserPath(dir_okay=False),
    help="Write the map: .json (what lookup reads), .csv or .png.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, broker_url: str, site: str, device: str, path: Path | None, as_json: bool, **options: Any
) -> None:
    """Draw the most accurate candidate over every throughput and round trip, at one limit.

    Every answer keeps the limit, at its percentile, over links that vary as the board's own link did, and that lose
    segments beside that where --loss says so; and the server's budget. The board's stored goal counts where an option
    is left out; its objective does not.
    """
    if ctx.invoked_subcommand is not None:
        return
    import msgspec

    from nasc_sdk.errors import InputError
    from nasc_sdk.protocol.messages import ServiceVerb
    from nasc_sdk.regime.regime_map import MapAnswer
    from nasc_sdk.regime.show import draw

    if path is not None and path.suffix.lower() not in _FORMS:
        raise InputError(f"--output ends in one of {', '.join(_FORMS)}, not {path.name}")
    document = ask_service(broker_url, site, ServiceVerb.MAP, device, given(options), timeout_s=120.0, quiet=as_json)
    answer = msgspec.json.decode(document, type=MapAnswer)
    if path is not None:
        _write(path, answer)
    if as_json:
        print_json(answer)
        return
    click.echo(draw(answer.map, answer.here))
    click.echo(f"{answer.candidates} candidates looked at; built in {answer.build_ms:.0f} ms")
    if path is not None:
        click.echo(f"written to {path}")


def _write(path: Path, answer: MapAnswer) -> None:
    from nasc_sdk.durable import write_durably
    from nasc_sdk.regime.map_file import dump_map
    from nasc_sdk.regime.plot import plot
    from nasc_sdk.regime.show import to_csv

    match path.suffix.lower():
        case ".json":
            data = dump_map(answer.map)
        case ".csv":
            data = to_csv(answer.map).encode()
        case _:
            data = plot(answer.map, answer.here)
    write_durably(path, data)


@command.command(
    epilog="""\b
Examples:
  nasc-sdk map lookup map.json --throughput-mbit-s 3 --round-trip-ms 12
  nasc-sdk map lookup map.json --throughput-mbit-s 3 --round-trip-ms 12 --loss 0.002
"""
)
@click.argument("path", metavar="FILE", type=UserPath(dir_okay=False))
@click.option("--throughput-mbit-s", type=POSITIVE, required=True, help="Uplink, median.")
@click.option("--round-trip-ms", type=NOT_NEGATIVE, required=True, help="Round trip, median.")
@click.option("--loss", type=Finite(0, 1), default=0.0, show_default=True, help="Share of TCP segments lost, 0 to 1.")
@json_option
def lookup(path: Path, throughput_mbit_s: float, round_trip_ms: float, loss: float, as_json: bool) -> None:
    """Say the best candidate for one link out of a map's JSON file; asks nobody.

    Between two slices of the map the one of the higher loss answers.
    """
    from nasc_sdk.errors import InfeasibleError
    from nasc_sdk.regime.map_file import load_map
    from nasc_sdk.regime.show import describe

    regimes = load_map(path)
    found = regimes.lookup(throughput_mbit_s, round_trip_ms, loss)
    limit = f"{regimes.limit_ms:g} ms at p{regimes.percentile:g}"
    if found is None:
        raise InfeasibleError(f"no candidate of the map keeps {limit} over this link")
    on_map = regimes.covers(throughput_mbit_s, round_trip_ms, loss)
    if as_json:
        print_json({"limit_ms": regimes.limit_ms, "percentile": regimes.percentile, "on_map": on_map, "regime": found})
        return
    most = f" (its losses go up to {regimes.losses[-1]:g})" if loss > regimes.losses[-1] else ""
    beside = "" if on_map else f"; beside the map{most}, others may be more accurate"
    click.echo(f"{describe(found)}\nkeeps {limit}{beside}")


command.add_command(follow)
