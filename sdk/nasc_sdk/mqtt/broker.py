"""A local broker as a child process: mosquitto when it is installed, else the embedded one.

Both listen on loopback unless told otherwise, end with the process that started them, and count as started only
when an MQTT CONNECT is answered. Which embedded broker and why: docs/adr/0002-embedded-broker.md.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError, ListenError, MissingExtraError, UnreachableError
from nasc_sdk.mqtt.broker_settings import embedded_settings, mosquitto_settings

Kind = Literal["auto", "mosquitto", "embedded"]

START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 5.0
HOST: Final = "127.0.0.1"
"""A broker started here serves this machine alone: it asks for no password."""
_PROBE_S: Final = 1.0
_TRIES: Final = 5
_CHILD: Final = "nasc_sdk.mqtt.broker_child"
# CONNECT of MQTT 3.1.1 (section 3.1), clean session, keepalive 5 s, and the CONNACK that accepts it.
_CONNECT: Final = b"\x10\x16\x00\x04MQTT\x04\x02\x00\x05\x00\x0anasc-probe"
_CONNACK: Final = b"\x20\x02\x00\x00"
_DISCONNECT: Final = b"\xe0\x00"


class BrokerProcess:
    """A running broker; leaving its ``with`` block ends it."""

    def __init__(self, process: subprocess.Popen[bytes], kind: str, host: str, port: int) -> None:
        self._process = process
        self.kind, self.host, self.port = kind, host, port

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it in order: it saves what it keeps."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_broker(
    kind: Kind = "auto", *, state_dir: Path, port: int = 0
) -> BrokerProcess:
    """Start a broker and wait until it answers; port 0 picks a free one.

    ``state_dir`` receives settings, log and what mosquitto keeps over restarts. Raises InputError when the port is
    taken or mosquitto asked for and absent, MissingExtraError without the embedded one, UnreachableError.
    """
    program = _find_mosquitto()
    if kind == "mosquitto" and program is None:
        raise InputError("mosquitto is not installed; use --kind embedded, or apt install mosquitto")
    if kind == "embedded" or program is None:
        _need_embedded()
        program = None
    state_dir = make_directory(state_dir.absolute())
    if port:
        _check_free(HOST, port)
    failure: UnreachableError | None = None
    # Between picking a free port and the broker's bind another process may take it: then another one is tried.
    for _ in range(1 if port else _TRIES):
        try:
            return _start(program, state_dir, HOST, port or _free_port(HOST))
        except UnreachableError as error:
            failure = error
    assert failure is not None
    raise failure


def _start(program: str | None, state_dir: Path, host: str, port: int) -> BrokerProcess:
    kind = "embedded" if program is None else "mosquitto"
    settings = state_dir / ("mosquitto.conf" if program else "embedded.toml")
    text = mosquitto_settings(host, port, state_dir) if program else embedded_settings(host, port)
    write_durably(settings, text.encode())
    arguments = [program, "-c", str(settings)] if program else [str(settings)]
    log = state_dir / "broker.log"
    process = _spawn([sys.executable, "-m", _CHILD, str(os.getpid()), kind, *arguments], log)
    broker = BrokerProcess(process, kind, host, port)
    try:
        _await_answer(broker, log)
    except BaseException:
        broker.kill()
        raise
    return broker


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start the child from a thread that stays until it ends.

    The child asks the kernel for a signal when its parent dies (broker_child.py), and to the kernel "parent" is the
    thread that forked: were it the caller's, the broker would end with it.
    """
    started: list[subprocess.Popen[bytes] | OSError] = []
    ready = threading.Event()

    def keep() -> None:
        try:
            with log.open("wb") as output:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            started.append(process)
        except OSError as error:
            started.append(error)
            return
        finally:
            ready.set()
        process.wait()

    threading.Thread(target=keep, name="broker-keeper", daemon=True).start()
    ready.wait()
    outcome = started[0]
    if isinstance(outcome, OSError):
        raise InputError(f"cannot start {command[0]}: {outcome}") from outcome
    return outcome


def _await_answer(broker: BrokerProcess, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while broker.running and time.monotonic() < deadline:
        if answers(broker.host, broker.port) and broker.running:
            return
        time.sleep(0.02)
    words = log.read_text(errors="replace").strip().splitlines()
    reason = f"ended with status {broker._process.returncode}" if not broker.running else "does not answer"
    raise UnreachableError(f"{broker.kind} broker", f"{reason}: {words[-1] if words else 'it says nothing'}")


def answers(host: str, port: int) -> bool:
    """Whether an MQTT broker accepts clients there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), _PROBE_S) as probe:
        probe.settimeout(_PROBE_S)
        probe.sendall(_CONNECT)
        accepted = probe.recv(len(_CONNACK)) == _CONNACK
        probe.sendall(_DISCONNECT)
        return accepted
    return False


def _find_mosquitto() -> str | None:
    # Debian installs it where a user's PATH does not look.
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


def _need_embedded() -> None:
    from importlib.util import find_spec

    if find_spec("iotcore") is None:
        raise MissingExtraError("iotcore", "broker")


def _check_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        hint = f"a broker answers there: --broker mqtt://{host}:{port} uses it" if answers(host, port) else ""
        raise ListenError(f"{host}:{port}", error, hint) from error


def _free_port(host: str) -> int:
    try:
        with socket.create_server((host, 0)) as free:
            port: int = free.getsockname()[1]
            return port
    except OSError as error:
        raise ListenError(host, error) from error
