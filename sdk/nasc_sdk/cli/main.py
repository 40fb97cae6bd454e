"""The root command: finds verbs, loads one only when it is called, turns errors into exit codes.

Verbs of this package are listed here with their help line, so that ``--help`` imports none of them; verbs of
``nasc_search`` and ``nasc_edge`` come from the entry-point group ``nasc_sdk.verbs``.
"""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Final

import click

from nasc_sdk import __version__
from nasc_sdk.errors import NascError

_PREFIX: Final = "nasc_sdk.cli."
_VERBS: Final[dict[str, str]] = {
    "up": "Start broker, search service and edge server.",
    "agent": "Run the device agent on this board.",
    "bridge": "Be the agent of a microcontroller at a serial port.",
    "boards": "List known boards, find attached ones.",
    "flash": "Write the firmware onto a microcontroller, or the agent onto a board with Linux.",
    "profile": "Measure per-block latency on a device, or any int8 model here or on a board.",
    "calibrate": "Calibrate a device's cost model with a handful of measured heads.",
    "search": "Find the best architecture, cut and encoding under a limit.",
    "map": "Draw the best candidate over every throughput and round trip.",
    "deploy": "Push a candidate: head to the board, tail to the edge server.",
    "infer": "Run inputs through the deployed split, or any int8 model here or on a board.",
    "status": "Show devices, what they run and how they do.",
    "watch": "Follow what happens: state, links, deployments, latencies.",
    "report": "Turn a demo's summary into a self-contained HTML page.",
    "broker": "Start a local MQTT broker.",
    "shape": "Put a proxy with bandwidth, delay and loss before a port.",
}
# Help lines of verbs registered by the other packages, shown without importing them.
_OTHER_HELP: Final[dict[str, str]] = {
    "demo": "Run the whole loop on this machine and leave a report.",
    "train": "Train a supernet, resumable and seeded.",
    "export": "Write a candidate's head and tail as files.",
    "cost-model": "Show, export, compare cost models; evaluate few-shot prediction.",
    "prior": "Import measured tables of benchmarks, list them, fit priors on them.",
    "experiment": "Compare joint search with others on measured benchmarks.",
    "service": "Run the search service.",
    "edge": "Run the edge server that holds the tails.",
}

EPILOG: Final = """\b
Examples:
  nasc-sdk demo                          everything, on this machine
  nasc-sdk up                            broker, search service, edge server
  nasc-sdk agent --device pi4            on the board (torch not needed)
  nasc-sdk profile --device pi4          time every block on the board
  nasc-sdk calibrate --device pi4        or only the few heads that tell most
  nasc-sdk search --device pi4 --limit-ms 8
  nasc-sdk map --device pi4 --limit-ms 8             who wins over which links
  nasc-sdk deploy --device pi4 --limit-ms 8
  nasc-sdk infer --device pi4 --input images.npy
\b
  nasc-sdk boards                        microcontrollers: what is known of each
  nasc-sdk flash --board nucleo-f446re --port /dev/ttyACM0     firmware, built and written
  nasc-sdk bridge --board nucleo-f446re --port /dev/ttyACM0    its agent; then profile, search, deploy as above
\b
Exit status: 0 done; 1 a promise was not held; 2 usage; 3 bad input; 4 a peer is unreachable or broke
the protocol; 5 no candidate meets the limit; 6 an extra, runtime or tool is missing; 7 the disk refused a
write; 8 a device refused; 130 interrupted. Errors go to standard error."""


class _Verbs(click.Group):
    """Loads a verb's module when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order a newcomer meets them."""
        return [*_VERBS, *_OTHER_HELP]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, imported now."""
        if cmd_name in _VERBS:
            command = importlib.import_module(_PREFIX + cmd_name).command
        else:
            command = _load_entry_point(cmd_name)
        assert command is None or isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help lines from the table: listing verbs imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([*_VERBS.items(), *_OTHER_HELP.items()])


def _load_entry_point(verb: str) -> click.Command | None:
    from importlib.metadata import entry_points

    for point in entry_points(group="nasc_sdk.verbs", name=verb):
        command = point.load()
        assert isinstance(command, click.Command)
        return command
    return None


@click.group(cls=_Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nasc-sdk")
def cli() -> None:
    """Split a network between a board and an edge server, searched for the board and the link you have."""


def main() -> None:
    """Entry point of ``nasc-sdk``: errors end as one message on standard error and a documented exit code."""
    # Contexts are left: an emulated board would go on without its parent. Verbs that serve have handlers of their own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        # Without standalone mode click hands back the code of ctx.exit(); a verb itself returns None.
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except NascError as error:
        click.echo(f"nasc-sdk: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(code)
