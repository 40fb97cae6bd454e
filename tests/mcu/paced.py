"""A serial wire with the time of a line of some baud, a byte being ten bits, either way."""

from __future__ import annotations

from nasc_sdk.mcu.serial_wire import SerialWire


class PacedWire(SerialWire):
    """``now_s`` is the line's own clock: only bytes move it, so that it is the same on every machine, however busy."""

    baud = 115_200

    def __init__(self, port):
        super().__init__(port)
        self._bytes = 0

    def now_s(self):
        return 10 * self._bytes / self.baud

    def send(self, data):
        self._bytes += len(data)
        super().send(data)

    def receive(self, timeout_s):
        data = super().receive(timeout_s)
        self._bytes += len(data)
        return data
