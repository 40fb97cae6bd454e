"""The serial loader of an ESP32 or ESP32-C3 (its ROM's, then the stub of esptool), at a pseudo terminal.

As Espressif's "Serial protocol" describes it: SLIP frames, compressed writes, MD5 of the flash.
"""

import hashlib
import struct
import zlib
from collections import Counter, defaultdict
from functools import reduce
from operator import xor

from tests.mcu.flashers.chip import Chip

FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN, MEM_END, MEM_DATA, SYNC = 2, 3, 4, 5, 6, 7, 8
WRITE_REG, READ_REG, SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD = 9, 10, 11, 13, 15
DEFLATED_BEGIN, DEFLATED_DATA, DEFLATED_END, MD5, SECURITY_INFO = 16, 17, 18, 19, 20
FLASH_BYTES = 4 << 20
_READ_ID = 1 << 18
_CHIP_MAGIC = {0x40001000: 0x00F01D83, 0x3FF5A004: 0x22334455, 0x3FF5A008: 0x0011}
# Of the controller of the flash chip: where commands go, where results are.
_SPI = {"esp32": (0x3FF42000, 0x3FF42080), "esp32c3": (0x60002000, 0x60002058)}
_CHIP_ID_C3 = 5


class Esp32(Chip):
    """``broken_at``: a byte of the flash that reads 0 whatever is written."""

    def __init__(self, broken_at=None, chip="esp32"):
        super().__init__()
        self._chip, (self._spi_command, self._spi_result) = chip, _SPI[chip]
        self.flash, self.seen = bytearray(b"\xff" * FLASH_BYTES), Counter()
        self._broken_at, self._stub, self._place, self._unpack = broken_at, False, 0, None
        self._registers = defaultdict(int, _CHIP_MAGIC)

    def serve(self):
        while True:
            frame = self._frame()
            _, command, count, checksum = struct.unpack_from("<BBHI", frame)
            self.seen[command] += 1
            self._obey(command, frame[8 : 8 + count], checksum)

    def _frame(self):
        content = b""
        while len(content) < 8:
            while self.read(1) != b"\xc0":
                pass
            content = b""
            while (byte := self.read(1)) != b"\xc0":
                content += byte
        return content.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")

    def _slip(self, content):
        self.send(b"\xc0" + content.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0")

    def _answer(self, command, value=0, content=b"", failed=False):
        # The ROM of an ESP32 says its status in four bytes, the stub in two.
        status = bytes((failed, 5 if failed else 0)) + bytes(0 if self._stub else 2)
        self._slip(struct.pack("<BBHI", 1, command, len(content) + len(status), value) + content + status)

    def _obey(self, command, body, checksum):
        if command == SYNC:
            for _ in range(8):
                self._answer(command, 0 if self._stub else 0x20120707)
        elif command == READ_REG:
            self._answer(command, self._registers[struct.unpack("<I", body)[0]])
        elif command == WRITE_REG:
            self._write_register(*struct.unpack_from("<II", body))
            self._answer(command)
        elif command in (FLASH_BEGIN, DEFLATED_BEGIN):
            size, _, _, self._place = struct.unpack_from("<4I", body)
            self._unpack = zlib.decompressobj() if command == DEFLATED_BEGIN else None
            end = self._place + -(-size // 4096) * 4096
            self.flash[self._place : end] = b"\xff" * (end - self._place)
            self._answer(command)
        elif command in (FLASH_DATA, DEFLATED_DATA):
            self._write(command, body, checksum)
        elif command == MD5:
            start, count = struct.unpack_from("<II", body)
            digest = hashlib.md5(self.flash[start : start + count])
            self._answer(command, 0, digest.digest() if self._stub else digest.hexdigest().encode())
        elif command == SECURITY_INFO and self._chip == "esp32c3":
            self._answer(command, content=struct.pack("<I8xII", 0, _CHIP_ID_C3, 0))
        elif command == MEM_END:
            self._answer(command)
            self._stub = True
            self._slip(b"OHAI")
        elif command == FLASH_END:
            self._answer(command)
            self._stub = False
        else:
            known = (MEM_BEGIN, MEM_DATA, SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD, DEFLATED_END)
            self._answer(command, failed=command not in known)

    def _write_register(self, address, value):
        self._registers[address] = value
        if address == self._spi_command and value & _READ_ID:
            self._registers[address], self._registers[self._spi_result] = 0, 0x1640EF

    def _write(self, command, body, checksum):
        count = struct.unpack_from("<I", body)[0]
        content = body[16 : 16 + count]
        if reduce(xor, content, 0xEF) != checksum:
            self._answer(command, failed=True)
            return
        if self._unpack is not None:
            content = self._unpack.decompress(content)
        self.flash[self._place : self._place + len(content)] = content
        self._place += len(content)
        if self._broken_at is not None:
            self.flash[self._broken_at] = 0
        self._answer(command)
