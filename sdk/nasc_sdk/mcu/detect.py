"""Which known boards are attached: USB serial ports whose vendor and product a board file names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nasc_sdk.mcu.boards import Board


@dataclass(frozen=True, slots=True)
class Attached:
    """One USB serial port; ``boards`` is empty where no board file knows it."""

    port: str
    usb_id: str
    """Vendor and product: ``0483:374b``."""
    description: str
    serial_number: str
    boards: tuple[str, ...]


def detect(boards: Mapping[str, Board], ports: Iterable[Any] | None = None) -> tuple[Attached, ...]:
    """USB serial ports of this machine (``ports``: as pyserial lists them), those of known boards first."""
    if ports is None:
        # No type information is published for it.
        ports = import_module("serial.tools.list_ports").comports()
    found = [_attached(boards, port) for port in ports if port.vid is not None and port.pid is not None]
    return tuple(sorted(found, key=lambda attached: (not attached.boards, attached.port)))


def _attached(boards: Mapping[str, Board], port: Any) -> Attached:
    usb_id = f"{port.vid:04x}:{port.pid:04x}"
    names = tuple(name for name, board in sorted(boards.items()) if usb_id in board.usb.ids)
    return Attached(port.device, usb_id, port.description or "", port.serial_number or "", names)
