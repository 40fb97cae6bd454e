"""Installs the agent on a board with Linux over SSH, or removes it: one script, read by a shell on the board.

Values reach the script in a preamble, quoted for the shell, never on a command line: a broker's URL may hold a
password, and command lines are seen by every user of the board. The wheel is in the same stream, as text.
"""

from __future__ import annotations

import base64
import re
import shlex
import subprocess
import time
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Final

from nasc_sdk.errors import FlashError, InputError, UnreachableError
from nasc_sdk.mcu.boards import LinuxBoard
from nasc_sdk.mcu.flashers.command import Program, first_complaint, last_said
from nasc_sdk.mcu.flashers.step import Action, Step
from nasc_sdk.mcu.flashers.wheel import Wheel
from nasc_sdk.mqtt.address import parse_url
from nasc_sdk.protocol.topics import Topics

PROGRAM: Final = Program("ssh", "apt install openssh-client")
SCRIPT_NAME: Final = "install_agent.sh"
TIMEOUT_S: Final = 1800.0
"""pip on the slowest board, over a slow line."""
_CONNECT_TIMEOUT_S: Final = 10
_CONFIG_TIMEOUT_S: Final = 10.0
_CONNECTION_FAILED: Final = 255
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_\[:][A-Za-z0-9_.:%\[\]-]*")
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\[\],<>=!~-]*")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_SAID: Final = "nasc: "


class Change(StrEnum):
    """What the script is to do."""

    INSTALL = "install"
    UNINSTALL = "uninstall"


@dataclass(frozen=True, slots=True)
class Target:
    """How a board is reached; InputError for a host that would be taken for an option."""

    host: str
    """``user@host``, or a name of the user's SSH configuration."""
    port: int | None = None
    identity: Path | None = None

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise InputError(f"{self.host!r} is no host: give USER@HOST or a name of your SSH configuration")
        if self.identity is not None and not self.identity.is_file():
            raise InputError(f"no key at {self.identity}")

    def options(self) -> tuple[str, ...]:
        """Of ssh, for the port and the key."""
        port = ("-p", str(self.port)) if self.port else ()
        key = ("-i", str(self.identity), "-o", "IdentitiesOnly=yes") if self.identity else ()
        return (*port, *key)


@dataclass(frozen=True, slots=True)
class Agent:
    """What is installed; InputError for values that the script could not pass on."""

    device: str
    site: str = "home"
    broker: str = ""
    """Empty: port 1883 of this machine, by the address that the board sees."""
    python: str = "python3"
    source: Wheel | str = ""
    """A wheel, or what pip asks its index for."""

    def __post_init__(self) -> None:
        Topics(self.site, self.device)
        if self.broker:
            parse_url(self.broker)
            if not self.broker.isprintable() or set(self.broker) & set("'\\ "):
                raise InputError("the broker's URL has a quote, backslash, space or control character: write it as %XX")
        if not self.python or not self.python.isprintable() or self.python.startswith("-"):
            raise InputError(f"{self.python!r} is no interpreter: python3.11, or its path")
        if isinstance(self.source, str) and not _REQUIREMENT.fullmatch(self.source):
            raise InputError(f"{self.source!r} is nothing that pip can ask an index for: nasc-sdk or nasc-sdk==0.1.0")
        if isinstance(self.source, Wheel) and not re.fullmatch(r"[A-Za-z0-9._+-]+\.whl", self.source.name):
            raise InputError(f"{self.source.name!r} is no name of a wheel")

    @property
    def requirement(self) -> str:
        """What pip is told."""
        return self.source.name if isinstance(self.source, Wheel) else self.source

    @property
    def broker_text(self) -> str:
        """For people: without a password."""
        if not self.broker:
            return "at port 1883 of this machine, as the board sees it"
        address = parse_url(self.broker)
        return f"{address}{' (the board itself)' if address.host in _LOOPBACK else ''}"

    def edition(self) -> str:
        """The same wheel is installed once; an index is asked each time."""
        return self.source.sha256[:12] if isinstance(self.source, Wheel) else f"index-{time.time():.0f}"


def plan_change(board: LinuxBoard, target: Target, change: Change, agent: Agent) -> tuple[Step, ...]:
    """What will be done; touches nothing, asks nobody."""
    command = ssh_command(target, accept_new=True)
    if change is Change.UNINSTALL:
        what = "stop and disable nasc-agent.service; remove its unit, virtual environment and state"
        return (Step(Action.WRITE, f"{what} ({SCRIPT_NAME})", command),)
    source = agent.source
    size = f", {len(source.content)} bytes" if isinstance(source, Wheel) else " from the board's package index"
    return (
        Step(
            Action.WRITE, f"{agent.requirement}{size}, into a virtual environment of its own on the {board.title}: "
            f"/opt/nasc-agent for root, ~/.local/share/nasc-agent for others ({SCRIPT_NAME})", command,
        ),
        Step(
            Action.WRITE, f"unit nasc-agent.service: device {agent.device}, site {agent.site}, "
            f"broker {agent.broker_text}; of the system for root, of the user for others; by the same script",
        ),
        Step(Action.RESET, "enable and restart the service; by the same script"),
        Step(Action.VERIFY, "systemctl is-active must say so three seconds in a row; by the same script"),
    )  # fmt: skip


def make_change(
    board: LinuxBoard, target: Target, change: Change, agent: Agent, timeout_s: float = TIMEOUT_S
) -> tuple[str, ...]:
    """Run the script on the board; what it did. UnreachableError, FlashError, MissingToolError."""
    PROGRAM.require()
    command = ssh_command(target, accept_new=_accepts_new_hosts(target))
    try:
        done = subprocess.run(
            command, input=script_of(board, change, agent).encode(), capture_output=True, timeout=timeout_s,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(target.host, f"not done within {timeout_s:g} s; it may be run again") from error
    said, complaints = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode == _CONNECTION_FAILED:
        raise UnreachableError(
            target.host,
            f"{first_complaint(complaints) or 'ssh said nothing'}; a key must open it without a question: "
            f"try {shlex.join(('ssh', *target.options(), target.host))}",
        )
    if done.returncode:
        # The script's own last sentence; before it, what the command said that made it give up.
        own = [line for line in complaints.splitlines() if line.startswith(_SAID)]
        others = "\n".join(line for line in complaints.splitlines() if not line.startswith(_SAID))
        reasons = [own[-1].removeprefix(_SAID) if own else "", last_said(others)]
        raise FlashError(f"{target.host}: {'; '.join(filter(None, reasons)) or 'the script failed and said nothing'}")
    return tuple(line.removeprefix(_SAID) for line in said.splitlines() if line.startswith(_SAID))


def ssh_command(target: Target, *, accept_new: bool) -> tuple[str, ...]:
    """OpenSSH, asking no questions; on the board only a shell that reads the script."""
    options = (
        "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_TIMEOUT_S}",
        "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
        *(("-o", "StrictHostKeyChecking=accept-new") if accept_new else ()),
    )  # fmt: skip
    return (*PROGRAM.command(), "-T", *options, *target.options(), "--", target.host, "sh -s")


def script_of(board: LinuxBoard, change: Change, agent: Agent) -> str:
    """The preamble and the script, as the board's shell reads them."""
    values = {
        "action": change, "python": agent.python, "machines": " ".join(board.machines), "edition": agent.edition(),
        "requirement": agent.requirement, "broker": agent.broker, "site": agent.site, "device": agent.device,
    }  # fmt: skip
    preamble = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    content = agent.source.content if isinstance(agent.source, Wheel) and change is Change.INSTALL else b""
    wheel = base64.encodebytes(content).decode()
    script = files("nasc_sdk.mcu.flashers").joinpath(SCRIPT_NAME).read_text()
    return f"{preamble}wheel() {{\nbase64 -d <<'NASC_WHEEL'\n{wheel}NASC_WHEEL\n}}\n{script}"


def _accepts_new_hosts(target: Target) -> bool:
    """Whether keys of hosts never seen are taken: yes, unless the user's configuration says otherwise than by default.

    "If this flag is set to ask (the default) ..." (ssh_config): what is said there to be asked cannot be told from what
    is not said at all; without a terminal neither could be answered.
    """
    try:
        done = subprocess.run(
            (*PROGRAM.command(), "-G", *target.options(), "--", target.host), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=_CONFIG_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(target.host, "ssh -G does not end: a Match exec in your configuration?") from error
    return b"\nstricthostkeychecking ask\n" in b"\n" + done.stdout.lower()
