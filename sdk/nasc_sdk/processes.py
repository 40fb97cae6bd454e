"""Child processes of the product: started by verb, ready when they say so in one JSON line, ended together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from nasc_sdk.errors import StorageError, UnreachableError

STOP_TIMEOUT_S: Final = 10.0


def describe_exit(code: int) -> str:
    """What an exit status says: ``crashed (SIGSEGV)``, ``ended with status 3``."""
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    return f"ended with status {code}"


def converse(command: Sequence[str], request: bytes, timeout_s: float) -> tuple[bytes, str]:
    """Standard output of a child that is given ``request``, and how it ended, to follow "the process".

    One that does not end in time is killed; what it said until then is the answer.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Its threads would reserve more memory than a bounded child may have.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ) as child:
        try:
            output, _ = child.communicate(request, timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
            return output, f"did not finish within {timeout_s:g} s"
        except BaseException:
            child.kill()
            raise
        return output, describe_exit(child.returncode)


class Child:
    """One ``nasc-sdk`` verb as a process of its own; its standard error goes to a log file."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name, self.log = name, log
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        try:
            errors = log.open("ab")
        except OSError as error:
            raise StorageError.of(log, error) from error
        with errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nasc_sdk", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                env=environment,
                # A group of its own: Ctrl-C reaches the parent only, which ends its children in order.
                process_group=0,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def end(self) -> str:
        """How it ended, as :func:`describe_exit` says it."""
        status = self._process.poll()
        return "still running" if status is None else describe_exit(status)

    def ready(self, timeout_s: float, tell: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
        """The JSON line it prints when it serves; UnreachableError with its last words when it does not.

        Before that it may say in lines ``{"starting": TEXT}`` what takes long, each of which gives it the time anew:
        ``tell`` hears them.
        """
        while "starting" in (document := self._document(timeout_s)):
            tell(str(document["starting"]))
        return document

    def _document(self, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.append(self._process.stdout.readline()), daemon=True)  # type: ignore[union-attr] # it is a pipe
        reader.start()
        reader.join(timeout_s)
        try:
            document = json.loads(lines[0]) if lines else None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            ended = lines == [b""]
            how = "ended before it was ready" if ended else f"did not say that it is ready within {timeout_s:.0f} s"
            error = UnreachableError(self.name, f"{how}: {self._last_words()}")
            if ended and (status := self._process.wait(STOP_TIMEOUT_S)) > 1:
                # It refused what it was told: bad input, no room on the disk.
                error.exit_code = status
            raise error
        return document

    def stop(self) -> int:
        """SIGTERM, then SIGKILL; its exit status."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.returncode

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("nasc-sdk: ") if lines else f"no message; see {self.log}"


class Family:
    """Several children; leaving the block ends them, newest first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.children: list[Child] = []

    def start(
        self, name: str, *arguments: str, timeout_s: float = 60.0, tell: Callable[[str], None] = lambda text: None
    ) -> tuple[Child, dict[str, Any]]:
        """Start a verb and wait until it serves; ``tell`` hears what takes long meanwhile."""
        child = Child(name, list(arguments), self._directory / f"{name}.log")
        self.children.append(child)
        return child, child.ready(timeout_s, tell)

    def dead(self) -> tuple[Child, ...]:
        """Children that have ended by themselves."""
        return tuple(child for child in self.children if not child.running)

    def __enter__(self) -> Family:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self.children):
            child.stop()
