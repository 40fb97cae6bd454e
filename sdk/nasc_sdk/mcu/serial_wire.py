"""A serial port as a wire for :class:`nasc_sdk.mcu.smp_client.SmpClient`; the only file that opens one for SMP."""

from __future__ import annotations

import errno
import time
from importlib import import_module
from typing import Any, Final, NoReturn

from nasc_sdk.errors import InputError, UnreachableError

BAUD_RATE: Final = 115_200
SEND_TIMEOUT_S: Final = 10.0
_GONE: Final = frozenset((errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF))
_ERRORS: Final = (OSError, TypeError)
"""SerialException is an OSError; a read on a port that another thread closes is a TypeError."""
_READ_BYTES: Final = 4096
_SLICE_S: Final = 0.02
"""Waits are made of these: pyserial sets the whole port up anew when its timeout changes."""


class SerialWire:
    """Opens the port, for this process alone.

    Control lines are left as the driver sets them: pseudo-terminals have none, and toggling them resets some boards.
    Raises InputError for a baud rate that the port refuses, UnreachableError for a port that cannot be opened.
    """

    def __init__(self, port: str, baud_rate: int = BAUD_RATE) -> None:
        self._port_name = port
        serial: Any = import_module("serial")
        try:
            self._port: Any = serial.Serial(
                port, baud_rate, timeout=_SLICE_S, write_timeout=SEND_TIMEOUT_S, exclusive=True
            )
        except ValueError as error:
            raise InputError(f"{port} at {baud_rate} baud: {error}") from error
        except OSError as error:  # SerialException is one
            raise UnreachableError(port, _why_not_opened(error)) from error

    def send(self, data: bytes) -> None:
        """Send all; UnreachableError when the port does not take it within SEND_TIMEOUT_S."""
        try:
            self._port.write(data)
        except _ERRORS as error:
            self._fail(error, "does not take bytes")

    def receive(self, timeout_s: float) -> bytes:
        """What has arrived, or nothing after the timeout; UnreachableError when the other end vanished."""
        deadline_s = time.monotonic() + timeout_s
        try:
            while not (first := bytes(self._port.read(1))):
                if time.monotonic() >= deadline_s:
                    return b""
            return first + bytes(self._port.read(min(self._port.in_waiting, _READ_BYTES)))
        except _ERRORS as error:
            self._fail(error, "cannot be read")

    def close(self) -> None:
        """Let go of the port; what happens to it then is of no interest."""
        try:
            self._port.close()
        except OSError:
            return

    def _fail(self, error: BaseException, what: str) -> NoReturn:
        if not self._port.is_open:
            raise UnreachableError(self._port_name, "the port was closed") from error
        # pyserial says "returned no data" for a hang-up, and hides the system's error of a write in its own.
        codes = {getattr(error, "errno", None), getattr(error.__context__, "errno", None)}
        if codes & _GONE or "returned no data" in str(error):
            what = "the board is gone: unplugged, powered off, or its USB restarted"
            raise UnreachableError(self._port_name, what) from error
        raise UnreachableError(self._port_name, f"{what}: {error}") from error


def _why_not_opened(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "no such port; is the board plugged in?"
    if error.errno == errno.EACCES:
        return "no permission to open it; on Linux, be in the group dialout"
    if error.errno in (errno.EAGAIN, errno.EBUSY) or "exclusively lock" in str(error):
        return "another program has it open"
    return error.strerror or str(error)
