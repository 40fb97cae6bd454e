"""``nasc-sdk profile``: per-block latency of a device, or per-operator latency of any model here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from nasc_sdk.cli.numbers import POSITIVE, Finite
from nasc_sdk.cli.output import (
    NO_LINE,
    baud_option,
    board_option,
    broker_option,
    device_option,
    json_option,
    kernels_option,
    port_option,
    print_json,
    refuse_given,
    runtime_option,
    site_option,
)
from nasc_sdk.cli.paths import UserPath
from nasc_sdk.cli.progress import Progress, progress_bar
from nasc_sdk.errors import RefusedError

if TYPE_CHECKING:
    from nasc_sdk.profiling.profile import Profile
    from nasc_sdk.profiling.sustain import Sustained

EPILOG = """\b
Examples:
  nasc-sdk profile --device pi4                       every block of the search space, on the board
  nasc-sdk profile --device pi4 --coverage small      a few dozen blocks, the rest from their operators
  nasc-sdk profile --device pi4 --json --output pi4.json
  nasc-sdk profile --model ANY.tflite                 any int8 model, operator by operator, here
  nasc-sdk profile --model ANY.tflite --input X.npy --kernels builtin --runtime tflite-runtime
  nasc-sdk profile --board mps2-an386 --model ANY.tflite    on an emulated microcontroller
  nasc-sdk profile --port /dev/ttyACM0 --model ANY.tflite   on a real one, which says what it is
  nasc-sdk profile --port /dev/ttyACM0                      the head that it runs at present
  nasc-sdk profile --model ANY.tflite --sustained      without a pause, until heat has settled
\b
All figures are measured, and their unit is named: time here and on boards with Linux; on a microcontroller what it
counts, cycles or ticks of a timer; on an emulated one instructions. Without --input a model is fed with random values,
never zeros: latency depends on the data. With a power sensor (INA2xx, INA3221, Raspberry Pi 5) the power as well."""


@click.command(epilog=EPILOG)
@broker_option
@site_option
@device_option
@click.option(
    "--model", "model_path", type=UserPath(), help="Measure this .tflite model, here or on --board."
)
@board_option
@port_option
@baud_option
@click.option(
    "--input",
    "input_path",
    type=UserPath(),
    help="With --model: activations, a .npy file; its first sample is used.",
)
@click.option(
    "--rounds", type=click.IntRange(1, 1000), default=9, show_default=True,
    help="Interleaved rounds; on a microcontroller, runs of the model.",
)
@click.option(
    "--coverage",
    type=click.Choice(["every", "small"]),
    default="every",
    show_default=True,
    help="Without --model: time every distinct block of the space, or a few that tell most.",
)
@click.option(
    "--top",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="Without --model: show the blocks that take longest; 0 shows all. --json always holds all.",
)
@kernels_option
@runtime_option("With --model: the runtime.")
@click.option(
    "--sustained",
    is_flag=True,
    help="With --model: run it without a pause until steady; minute 1 against steady state.",
)
@click.option(
    "--minutes",
    type=POSITIVE,
    help="With --sustained: the longest it may take.  [default: 10]",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Finite(min=1),
    default=600.0,
    show_default=True,
    help="Without --model: seconds to wait for the device.",
)
@json_option
@click.option(
    "--output", "output_path", type=UserPath(), help="Also write the JSON document here."
)
@click.pass_context
def command(
    context: click.Context,
    broker_url: str,
    site: str,
    device: str,
    model_path: Path | None,
    board_name: str | None,
    port: str | None,
    baud: int | None,
    input_path: Path | None,
    rounds: int,
    coverage: str,
    top: int,
    kernels: str,
    runtime_name: str,
    sustained: bool,
    minutes: float | None,
    timeout_s: float,
    as_json: bool,
    output_path: Path | None,
) -> None:
    """Measure per-block latency on a device, or any int8 model here or on a microcontroller."""
    if model_path is None and input_path is not None:
        raise click.UsageError("--input goes with --model")
    if sustained and model_path is None:
        raise click.UsageError("--sustained goes with --model: it runs on this machine")
    if minutes is not None and not sustained:
        raise click.UsageError("--minutes goes with --sustained")
    if any(named is not None for named in (model_path, board_name, port)):
        refuse_given(("coverage", "top"), "only for the blocks of a device: without --model, --board and --port")
    if board_name is not None or port is not None:
        idle = ("input_path", "sustained", "kernels", "runtime_name")
        refuse_given(idle, "not on a microcontroller, which runs a golden input on its own kernels")
        _report_board(board_name, port or "", baud, model_path, rounds, as_json, output_path)
        return
    refuse_given(("baud",), NO_LINE)
    if sustained:
        assert model_path is not None
        found = _sustained(model_path, input_path, minutes, runtime_name, kernels, as_json)
        context.exit(_report_sustained(found, as_json, output_path))
    if model_path is None:
        options = {"rounds": rounds, "coverage": coverage}
        document, profiles = _remote(broker_url, site, device, options, timeout_s, as_json)
    else:
        document, profiles = _local(model_path, input_path, rounds, runtime_name, kernels, as_json)
    _write(document, output_path)
    if as_json:
        print_json(document)
    else:
        from nasc_sdk.profiling.table import format_power, format_profile

        shown = 0 if model_path else top
        click.echo("\n\n".join(format_profile(profile, shown) for profile in profiles))
        if profiles[0].power is None:
            click.echo("\n" + format_power(None))
        if model_path is None:
            click.echo(f"\nhow well this predicts:\n{document.text}")


def _write(document: Any, path: Path | None) -> None:
    from nasc_sdk.durable import write_durably

    if path is not None:
        write_durably(path, msgspec.json.format(msgspec.json.encode(document), indent=2))


def _sustained(
    model: Path, samples: Path | None, minutes: float | None, runtime_name: str, kernels: str, quiet: bool
) -> Sustained:
    from nasc_sdk.profiling.sustain import LIMIT_S, sustain
    from nasc_sdk.runtime.base import Kernels

    limit_s = LIMIT_S if minutes is None else 60 * minutes
    with progress_bar("measuring", quiet=quiet) as progress:
        return sustain(
            model, samples, limit_s=limit_s, runtime_name=runtime_name, kernels=Kernels(kernels), progress=progress
        )


def _report_sustained(found: Sustained, as_json: bool, output_path: Path | None) -> int:
    """Print it; the exit status: 0 when steady, 1 when not, 130 when interrupted."""
    from nasc_sdk.profiling.sustain import format_sustained
    from nasc_sdk.profiling.sustained import State

    _write(found, output_path)
    if as_json:
        print_json(found)
    else:
        click.echo(format_sustained(found))
    return {State.STEADY: 0, State.NOT_STEADY: 1, State.INTERRUPTED: 130}[found.comparison.state]


def _report_board(
    board_name: str | None, port: str, baud: int | None, model: Path | None, repeats: int, as_json: bool,
    output_path: Path | None,
) -> None:
    from nasc_sdk.mcu.boards import find_board
    from nasc_sdk.mcu.profile import profile_on_board, profile_present
    from nasc_sdk.mcu.session import open_session
    from nasc_sdk.profiling.profile import Profile
    from nasc_sdk.profiling.table import format_profile

    board = find_board(board_name) if board_name else None
    if model is None and not port and board is not None and board.emulator is not None:
        raise click.UsageError("an emulated board needs --model: it holds no head yet")
    with open_session(board, port, baud=baud) as session, progress_bar("measuring", quiet=as_json) as progress:
        tell = partial(_tell, progress)
        found = profile_on_board(session, model, repeats, tell) if model else profile_present(session, repeats, tell)
    _write(found, output_path)
    profile, exact = (found, True) if isinstance(found, Profile) else (found.profile, found.exact)
    if as_json:
        print_json(found)
    else:
        click.echo(format_profile(profile))
    if not exact:
        raise RefusedError("golden_failed", f"{profile.device} does not compute {model} as reference kernels do")


def _tell(progress: Progress, done: int, total: int) -> None:
    progress(done, total, "")


def _local(
    model: Path, samples: Path | None, rounds: int, runtime_name: str, kernels: str, quiet: bool
) -> tuple[Any, list[Profile]]:
    from nasc_sdk.profiling.local import profile_file
    from nasc_sdk.runtime.base import Kernels

    with progress_bar("measuring", quiet=quiet) as progress:
        profile = profile_file(
            model,
            samples,
            rounds=rounds,
            runtime_name=runtime_name,
            kernels=Kernels(kernels),
            progress=progress,
        )
    return profile, [profile]


def _remote(
    broker_url: str, site: str, device: str, options: dict[str, Any], timeout_s: float, quiet: bool
) -> tuple[Any, list[Profile]]:
    from nasc_sdk.cli.asking import ask_service
    from nasc_sdk.profiling.remote import read_profiles
    from nasc_sdk.protocol.messages import ServiceVerb

    document = read_profiles(
        ask_service(broker_url, site, ServiceVerb.PROFILE, device, options, timeout_s=timeout_s, quiet=quiet)
    )
    return document, [profile for profile in (document.profile, document.edge_profile) if profile]
