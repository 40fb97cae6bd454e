"""The boot loader of an STM32F405 as ST's AN3155 describes it, at a pseudo terminal, with NOR flash."""

from functools import reduce
from operator import xor

from tests.mcu.flashers.chip import Chip

ACK, NACK = b"\x79", b"\x1f"
GET, VERSION, IDENTITY, READ, GO, WRITE, EXTENDED_ERASE = 0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44
ORIGIN, SIZE = 0x08000000, 1 << 20
SECTORS_KB = [16] * 4 + [64] + [128] * 7


class Stm32(Chip):
    """``broken_at``: a byte of the flash that keeps its value. ``started``: where it was told to run from."""

    def __init__(self, broken_at=None):
        super().__init__()
        self.flash, self.started, self.commands = bytearray(SIZE), None, []
        self._broken_at = broken_at

    def serve(self):
        while True:
            command = self.read(1)[0]
            if command == 0x7F:
                self.send(ACK)
                continue
            # "Each command is sent with its complement."
            if self.read(1)[0] != command ^ 0xFF:
                self.send(NACK)
                continue
            self.commands.append(command)
            self._obey(command)

    def _obey(self, command):
        known = {
            GET: self._get, VERSION: lambda: self.send(ACK + b"\x31\0\0" + ACK),
            IDENTITY: lambda: self.send(ACK + b"\x01\x04\x13" + ACK), READ: self._read, GO: self._go,
            WRITE: self._write, EXTENDED_ERASE: self._erase,
        }  # fmt: skip
        known.get(command, lambda: self.send(NACK))()

    def _get(self):
        commands = bytes((GET, VERSION, IDENTITY, READ, GO, WRITE, EXTENDED_ERASE))
        self.send(ACK + bytes((len(commands), 0x31)) + commands + ACK)

    def _address(self):
        *address, checksum = self.read(5)
        assert reduce(xor, address) == checksum
        self.send(ACK)
        return int.from_bytes(bytes(address), "big")

    def _read(self):
        self.send(ACK)
        address = self._address()
        count = self.read(2)[0] + 1
        self.send(ACK)
        place = address - ORIGIN
        self.send(bytes(self.flash[place : place + count]) if 0 <= place < SIZE else bytes(count))

    def _go(self):
        self.send(ACK)
        self.started = self._address()

    def _write(self):
        self.send(ACK)
        place = self._address() - ORIGIN
        count = self.read(1)[0] + 1
        *content, checksum = self.read(count + 1)
        assert reduce(xor, content, count - 1) == checksum
        for number, byte in enumerate(content, place):
            if number != self._broken_at:
                self.flash[number] &= byte
        self.send(ACK)

    def _erase(self):
        self.send(ACK)
        count = int.from_bytes(self.read(2), "big")
        if count >= 0xFFF0:
            self.read(1)
            self.flash[:] = b"\xff" * SIZE
        else:
            for _ in range(count + 1):
                sector = int.from_bytes(self.read(2), "big")
                start = sum(SECTORS_KB[:sector]) << 10
                end = start + (SECTORS_KB[sector] << 10)
                self.flash[start:end] = b"\xff" * (end - start)
            self.read(1)
        self.send(ACK)
