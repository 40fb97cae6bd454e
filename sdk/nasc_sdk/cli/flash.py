"""``nasc-sdk flash``: the firmware onto a microcontroller, or the agent onto a board with Linux."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nasc_sdk.cli.output import baud_option, json_option, print_json, refuse_given, site_option
from nasc_sdk.cli.paths import UserPath

if TYPE_CHECKING:
    from nasc_sdk.mcu.boards import Board, LinuxBoard
    from nasc_sdk.mcu.flashers.prepare import Prepared
    from nasc_sdk.mcu.flashers.ssh import Agent, Change, Target
    from nasc_sdk.mcu.flashers.step import Step
    from nasc_sdk.mcu.smp_messages import Hello

EPILOG = """\b
Examples:
  nasc-sdk flash --board mps2-an386                   build the firmware, start it emulated, ask what it is
  nasc-sdk flash --board mps2-an386 --dry-run         only what would be written where, by which command
  nasc-sdk flash --board my-board                     the one that is attached; my-board.toml by NASC_BOARDS=FOLDER
  nasc-sdk flash --board my-board --port /dev/ttyUSB0 --firmware my.elf
  nasc-sdk flash --board nucleo-f446re --baud 230400    a faster serial line; say it to profile, infer, bridge as well
\b
  nasc-sdk flash --board raspberrypi4 --host pi@raspberrypi.local          the agent, as a systemd service
  nasc-sdk flash --board raspberrypi4 --host pi --broker mqtts://me:secret@broker.local --device kitchen
  nasc-sdk flash --board raspberrypi4 --host pi@raspberrypi.local --uninstall
\b
What writes a board (nasc-sdk boards says which) is a program of its own: esptool, stm32flash, openocd, dfu-util,
pyocd, ssh; what is missing is named with the command that installs it. UF2 boards need none."""

_OF_LINUX = (
    "host", "identity", "ssh_port", "broker", "device", "site", "python", "wheel", "from_index", "uninstall",
)  # fmt: skip


@click.command(epilog=EPILOG)
@click.option("--board", "board_name", metavar="NAME", required=True, help="One of nasc-sdk boards.")
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and what is lacking; touch nothing, need neither board nor tools."
)
@click.option("--port", metavar="PORT", help="Microcontroller: its serial port  [default: the one attached].")
@baud_option
@click.option(
    "--firmware", type=UserPath(dir_okay=False), metavar="ELF",
    help="Microcontroller: this executable  [default: build it].",
)  # fmt: skip
@click.option(
    "--drive", type=UserPath(file_okay=False),
    help="UF2 boards: where their boot drive is mounted  [default: look for it].",
)  # fmt: skip
@click.option("--host", metavar="USER@HOST", help="Board with Linux: where SSH finds it.")
@click.option(
    "--identity", type=UserPath(), metavar="KEY", help="With --host: private key of SSH  [default: as ssh does]."
)
@click.option("--ssh-port", type=click.IntRange(1, 65535), help="With --host: port of SSH  [default: as ssh does].")
@click.option(
    "--broker", metavar="URL", envvar="NASC_BROKER",
    help="With --host: the agent's broker  [default: port 1883 of this machine, as the board sees it].",
)  # fmt: skip
@click.option("--device", metavar="NAME", help="With --host: the agent's device name  [default: the board's name].")
@site_option
@click.option(
    "--python", default="python3", show_default=True, help="With --host: interpreter there, 3.11 or later."
)
@click.option(
    "--wheel", type=UserPath(dir_okay=False),
    help="With --host: install this wheel  [default: one made of this very package].",
)  # fmt: skip
@click.option("--from-index", metavar="SPEC", help="With --host: have pip install this there, as nasc-sdk==0.1.0.")
@click.option("--uninstall", is_flag=True, help="With --host: remove agent, service and state.")
@json_option
def command(
    board_name: str, dry_run: bool, port: str | None, baud: int | None, firmware: Path | None, drive: Path | None,
    host: str | None, identity: Path | None, ssh_port: int | None, broker: str | None, device: str | None, site: str,
    python: str, wheel: Path | None, from_index: str | None, uninstall: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write the firmware onto a microcontroller, or install the agent on a board with Linux."""
    from nasc_sdk.mcu.boards import LinuxBoard, find_any_board
    from nasc_sdk.mcu.rates import at_rate

    board = find_any_board(board_name)
    if not isinstance(board, LinuxBoard):
        refuse_given(_OF_LINUX, f"not for {board_name}, a microcontroller that {board.flash.tool} writes")
        _flash_firmware(at_rate(board, baud), port, firmware, drive, dry_run, as_json)
        return
    refuse_given(("port", "baud", "firmware", "drive"), f"not for {board_name}, which runs Linux")
    if host is None:
        raise click.UsageError(f"{board_name} runs Linux: say with --host USER@HOST where it is")
    if wheel is not None and from_index is not None:
        raise click.UsageError("--wheel and --from-index are two sources for one thing")

    from nasc_sdk.mcu.flashers.ssh import Agent, Change, Target
    from nasc_sdk.mcu.flashers.wheel import own_wheel, read_wheel

    change = Change.UNINSTALL if uninstall else Change.INSTALL
    source = from_index or (read_wheel(wheel) if wheel else "nasc-sdk" if uninstall else own_wheel())
    agent = Agent(device or board_name, site, broker or "", python, source)
    _change_agent(board, Target(host, ssh_port, identity), change, agent, dry_run, as_json)


def _flash_firmware(
    board: Board, port: str | None, firmware: Path | None, drive: Path | None, dry_run: bool, as_json: bool
) -> None:
    from nasc_sdk.mcu.boards import load_boards
    from nasc_sdk.mcu.flashers.flasher import run_plan
    from nasc_sdk.mcu.flashers.prepare import prepare

    with tempfile.TemporaryDirectory(prefix="nasc-flash-") as folder:
        prepared = prepare(
            board, load_boards(), Path(folder), firmware=firmware, port=port or "", drive=drive, dry_run=dry_run
        )
        if not as_json:
            _show_firmware(prepared)
            _show_plan(prepared.steps, prepared.lacking)
        hello = None if dry_run else run_plan(prepared.job, lambda step: _tell(step, as_json))
    if as_json:
        print_json({**_firmware_document(prepared), "hello": hello})
    elif hello is not None:
        _show_hello(board, hello, port)


def _change_agent(
    board: LinuxBoard, target: Target, change: Change, agent: Agent, dry_run: bool, as_json: bool
) -> None:
    from nasc_sdk.mcu.flashers.ssh import PROGRAM, Change, make_change, plan_change

    steps = plan_change(board, target, change, agent)
    if not as_json:
        click.echo(f"{board.name}: {board.title}, {target.host}")
        _show_plan(steps, ())
    if dry_run:
        done: Sequence[str] = ()
    else:
        PROGRAM.require()
        click.echo("asking the board; the first installation takes minutes", err=True)
        done = make_change(board, target, change, agent)
    if as_json:
        print_json({"board": board.name, "host": target.host, "plan": steps, "done": done})
        return
    for line in done:
        click.echo(line)
    if done and change is Change.INSTALL:
        click.echo(f"next: nasc-sdk status, then nasc-sdk profile --device {agent.device}")


def _firmware_document(prepared: Prepared) -> dict[str, Any]:
    image = prepared.job.image
    firmware = image and {
        "sha256": prepared.sha256, "entry": image.entry,
        "segments": [{"address": one.address, "bytes": len(one.content)} for one in image.segments],
    }  # fmt: skip
    return {
        "board": prepared.job.board.name, "tool": prepared.job.board.flash.tool, "port": prepared.job.port,
        "firmware": firmware, "plan": prepared.steps, "lacking": prepared.lacking,
    }  # fmt: skip


def _show_firmware(prepared: Prepared) -> None:
    board, image = prepared.job.board, prepared.job.image
    at = f", {prepared.job.port}" if prepared.job.port else ""
    click.echo(f"{board.name}: {board.title}{at}")
    if image is None:
        return
    click.echo(f"firmware {prepared.job.elf.name}, sha256 {prepared.sha256[:12]}:")
    for segment in image.segments:
        click.echo(f"  {len(segment.content)} bytes at 0x{segment.address:08x}")


def _show_plan(steps: Sequence[Step], lacking: Sequence[str]) -> None:
    click.echo("plan:")
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step.action:<8}{step.what}")
        if step.command:
            click.echo(f"       $ {shlex.join(step.command)}")
    for sentence in lacking:
        click.echo(f"lacking: {sentence}")


def _tell(step: Step, as_json: bool) -> None:
    if not as_json:
        click.echo(f"{step.action}: {step.what}", err=True)


def _show_hello(board: Board, hello: Hello, port: str | None) -> None:
    click.echo(
        f"{hello.board} runs firmware {hello.firmware_version}: {hello.core} at {hello.clock_hz / 1e6:g} MHz, "
        f"{hello.kernels} kernels, arena {hello.arena_bytes} bytes, models up to {hello.slot_bytes} bytes"
        f"{hello.unique_id and f', id {hello.unique_id}'}"
    )
    at = (f" --port {port}" if port else "") + (f" --baud {board.serial.baud}" if board.serial.rates else "")
    click.echo(f"next: nasc-sdk profile --board {board.name}{at} --model ANY.tflite")
