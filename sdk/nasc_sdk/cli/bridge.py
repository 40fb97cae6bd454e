"""``nasc-sdk bridge``: a microcontroller at a serial port, on MQTT as a Linux board's agent is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import baud_option, board_option, broker_option, device_option, port_option, site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk bridge --port /dev/ttyACM0 --device cell-3              the board says what it is
  nasc-sdk bridge --board nucleo-f446re --port /dev/ttyACM0 --baud 230400      flashed for a faster line
  nasc-sdk bridge --board mps2-an386 --instructions-per-s 25e6     an emulated board, its speed assumed
\b
It profiles, installs and runs heads on the board, and talks to broker and edge server for it; packing what
crosses the cut is done here. When ready it prints the JSON line that nasc-sdk agent prints. Each request takes its
input to the board and the head's output back over the serial line, which is in the latency of its head, and in what is
predicted of it once the board is profiled or calibrated. A profile that is interrupted goes on when it is asked for
again."""
)
@broker_option
@site_option
@device_option
@board_option
@port_option
@baud_option
@click.option(
    "--instructions-per-s", type=Finite(1, 1e10), default=None,
    help="Needed for an emulated board, whose counts are no time: what is assumed.",
)  # fmt: skip
@click.option(
    "--edge", default="", metavar="HOST:PORT", help="Tensor port of the edge server  [default: by the broker]."
)
@click.option(
    "--state-dir", type=UserPath(file_okay=False), default=Path("nasc-bridge"), show_default=True,
    help="Heads, profiles (unfinished ones, too) and the session counter.",
)  # fmt: skip
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT",
    help="Local inference port; port 0 picks one.",
)  # fmt: skip
# Spelled as for every verb; the ready line is JSON either way, since programs wait for it.
@click.option("--json", "as_json", is_flag=True, hidden=True)
def command(
    broker_url: str, site: str, device: str, board_name: str | None, port: str | None, baud: int | None,
    instructions_per_s: float | None, edge: str, state_dir: Path, listen: str, as_json: bool,
) -> None:  # fmt: skip
    """Be the agent of a microcontroller at a serial port.

    Prints one JSON line when ready and runs until SIGTERM or Ctrl-C.
    """
    from nasc_sdk.agent.agent import run
    from nasc_sdk.agent.options import Board, Options
    from nasc_sdk.link.shape import parse_address
    from nasc_sdk.mcu.boards import find_board
    from nasc_sdk.mcu.clock import clock_of
    from nasc_sdk.mcu.machine import BoardMachine
    from nasc_sdk.mcu.session import open_session

    options = Options(
        broker_url=broker_url,
        site=site,
        device=device,
        edge=parse_address(edge) if edge else None,
        board=Board.THIS_MACHINE,
        state_dir=state_dir,
        listen=parse_address(listen),
    )
    board = find_board(board_name) if board_name else None
    with open_session(board, port or "", baud=baud) as session:
        clock = clock_of(session, instructions_per_s or 0.0)
        run(options, partial(BoardMachine, session, clock, device, state_dir / "profiles" / "unfinished"))
