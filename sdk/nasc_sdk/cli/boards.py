"""``nasc-sdk boards``: known boards, and those attached to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.output import format_table, json_option, print_json
from nasc_sdk.cli.paths import UserPath

if TYPE_CHECKING:
    from nasc_sdk.mcu.boards import AnyBoard

EPILOG = """\b
Examples:
  nasc-sdk boards                      what is known of each board
  nasc-sdk boards detect               boards at this machine's USB ports, and which port
  nasc-sdk boards --boards my-boards   with board files (*.toml) of your own; also: NASC_BOARDS=my-boards
\b
kernels: the form of the operators that suits the core (plain, dsp, mve). arena: RAM that a head computes in. serial:
rates that its firmware can be built for (flash --baud). emulated: the machine of QEMU that stands in for it.
"""

_boards_option = click.option(
    "--boards", "folder", type=UserPath(), help="Folder with board files of your own."
)


@click.group(invoke_without_command=True, epilog=EPILOG)
@_boards_option
@json_option
@click.pass_context
def command(context: click.Context, folder: Path | None, as_json: bool) -> None:
    """List known boards: microcontrollers, and those with Linux, which are flashed by ssh."""
    if context.invoked_subcommand is not None:
        return
    from nasc_sdk.mcu.boards import load_every_board

    boards = load_every_board(folder)
    if as_json:
        print_json(boards)
        return
    header = ("board", "core", "kernels", "clock", "RAM", "flash", "arena", "serial", "flashed by", "emulated")
    rows = [_row(board) for board in boards.values()]
    click.echo(format_table(header, rows))


@command.command("detect", epilog=EPILOG)
@_boards_option
@json_option
def detect_command(folder: Path | None, as_json: bool) -> None:
    """Find attached boards by their USB vendor and product."""
    from nasc_sdk.mcu.boards import load_boards
    from nasc_sdk.mcu.detect import detect

    found = detect(load_boards(folder))
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no USB serial port is attached to this machine")
        return
    rows = [(one.port, one.usb_id, ", ".join(one.boards) or "not known", one.description) for one in found]
    click.echo(format_table(("port", "USB id", "board", "description"), rows))


def _row(board: AnyBoard) -> tuple[str, ...]:
    from nasc_sdk.mcu.boards import LinuxBoard

    clock = f"{board.clock_hz / 1e6:g} MHz"
    if isinstance(board, LinuxBoard):
        return (board.name, board.core, "-", clock, _size(board.ram_bytes), "-", "-", "-", board.flash.tool, "-")
    return (
        board.name, board.core, board.kernels, clock, _size(board.ram_bytes), _size(board.flash_bytes),
        _size(board.arena_bytes), "/".join(map(str, board.serial.offered)) + " baud", board.flash.tool,
        board.emulator.machine if board.emulator else "-",
    )  # fmt: skip


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 27 else f"{count / 1024:g} KB"
