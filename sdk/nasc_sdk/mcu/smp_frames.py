"""SMP packets on a serial line, in two framings: bytes in, packets out, no port and no clock.

Theory of operation
-------------------
*Console* is the SMP transport specification's "UART/serial and console": lines of at most 127 bytes, each a start
mark (06 09, or 04 14 where it continues), base64 and a newline; inside, the length of what follows (2 bytes), the
packet and its CRC-16/XMODEM. Text around the lines is skipped.

*Raw* is ours, since base64 alone takes a quarter of the line: D3 9E, the packet's length (2 bytes), A5 xor both of
them, the packet, CRC-32 of everything after D3 9E. Integers are big-endian.

Rule 1: a frame with a wrong CRC is never a packet.
Rule 2: a raw frame that turns out not to be one gives back all its bytes but the first, for another frame may have
begun among them. Rule 3: what a frame lacks is awaited only until :meth:`FrameReceiver.idle`.
The firmware's ``smp/frame.c`` does the same.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_PACKET_BYTES: Final = 4096
"""Largest packet that is expected; a length beyond it is taken for damage."""

_START: Final = b"\x06\x09"
_CONTINUE: Final = b"\x04\x14"
_RAW: Final = b"\xd3\x9e"
_LENGTH_CHECK: Final = 0xA5
_RAW_HEADER_BYTES: Final = 5
_CRC32_BYTES: Final = 4
_LINE_CHARACTERS: Final = 124
_SMALLEST_PACKET: Final = 8


class Framing(Enum):
    """How packets are put on the line; a board answers in the framing it was asked in."""

    CONSOLE = "console"
    """What every SMP tool speaks."""
    RAW = "raw"
    """Nothing is encoded; for uploads."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose CRC was right, and the framing it came in."""

    framing: Framing
    content: bytes
    """SMP header and payload."""


def encode(framing: Framing, packet: bytes) -> bytes:
    """Bytes of one frame; ValueError for a packet that no frame can hold."""
    if not _SMALLEST_PACKET <= len(packet) <= 0xFFFF - 2:
        raise ValueError(f"a packet of {len(packet)} bytes")
    return _encode_raw(packet) if framing is Framing.RAW else b"".join(_encode_lines(packet))


def _encode_raw(packet: bytes) -> bytes:
    length = len(packet).to_bytes(2, "big")
    covered = length + bytes((_LENGTH_CHECK ^ length[0] ^ length[1],)) + packet
    return _RAW + covered + zlib.crc32(covered).to_bytes(_CRC32_BYTES, "big")


def _encode_lines(packet: bytes) -> Iterator[bytes]:
    """The length "equals size of a raw body plus two bytes, size of CRC16", of which it is no part itself."""
    body = (len(packet) + 2).to_bytes(2, "big") + packet + binascii.crc_hqx(packet, 0).to_bytes(2, "big")
    characters = base64.b64encode(body)
    for place in range(0, len(characters), _LINE_CHARACTERS):
        yield (_CONTINUE if place else _START) + characters[place : place + _LINE_CHARACTERS] + b"\n"


class FrameReceiver:
    """Turns a byte stream into packets; every damaged stretch is skipped and counted in ``dropped_frames``."""

    def __init__(self, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._max_line_bytes = 2 + -(-(max_packet_bytes + 4) // 3) * 4 + 2
        self._buffer = bytearray()
        self._console: bytearray | None = None
        self.dropped_frames = 0
        """Frames that were begun and came to nothing."""

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they came; :meth:`next_packet` returns what they complete."""
        self._buffer += data

    def packets(self) -> Iterator[Packet]:
        """Yield every complete packet."""
        while (packet := self.next_packet()) is not None:
            yield packet

    def next_packet(self) -> Packet | None:
        """The next complete packet, or None when more bytes are needed. Each turn takes a byte at least."""
        while self._hunt():
            before = len(self._buffer)
            raw = self._buffer[0] == _RAW[0]
            packet = self._take_raw() if raw else self._take_line()
            if packet is not None:
                return Packet(Framing.RAW if raw else Framing.CONSOLE, packet)
            if len(self._buffer) == before:
                return None
        return None

    def idle(self) -> list[Packet]:
        """Nothing came for long: give up what is incomplete; the packets that were found behind it."""
        self._console = None
        found: list[Packet] = []
        while self._buffer:
            self._drop(1)
            found += self.packets()
        return found

    def _hunt(self) -> bool:
        """Skip to the next first byte of a frame; whether there is one."""
        starts = (self._buffer.find(mark[:1]) for mark in (_START, _CONTINUE, _RAW))
        place = min((start for start in starts if start >= 0), default=len(self._buffer))
        del self._buffer[:place]
        return bool(self._buffer)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self.dropped_frames += 1

    def _take_raw(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) >= len(_RAW) and buffer[:2] != _RAW:
            self._drop(1)
            return None
        if len(buffer) < _RAW_HEADER_BYTES:
            return None
        length = int.from_bytes(buffer[2:4], "big")
        sensible = _SMALLEST_PACKET <= length <= self._max_packet_bytes
        if buffer[4] != _LENGTH_CHECK ^ buffer[2] ^ buffer[3] or not sensible:
            self._drop(1)
            return None
        end = _RAW_HEADER_BYTES + length
        if len(buffer) < end + _CRC32_BYTES:
            return None
        if zlib.crc32(buffer[2:end]) != int.from_bytes(buffer[end : end + _CRC32_BYTES], "big"):
            self._drop(1)
            return None
        packet = bytes(buffer[_RAW_HEADER_BYTES:end])
        del buffer[: end + _CRC32_BYTES]
        self._console = None
        return packet

    def _take_line(self) -> bytes | None:
        buffer = self._buffer
        mark = bytes(buffer[:2])
        if len(mark) < len(_START):
            return None
        if mark not in (_START, _CONTINUE):
            del buffer[:1]
            return None
        end = buffer.find(b"\n")
        if end < 0 and len(buffer) <= self._max_line_bytes:
            # Another mark inside a line means that its newline was lost: marks are not of the alphabet.
            end = min((place for first in b"\x06\x04\xd3" if (place := buffer.find(first, 2)) >= 0), default=-1)
            if end >= 0:
                self._console = None
                self._drop(end)
            return None
        if end < 0:
            self._drop(2)
            return None
        line = bytes(buffer[2:end]).rstrip(b"\r")
        return self._finish_line(mark, line, end)

    def _finish_line(self, mark: bytes, line: bytes, end: int) -> bytes | None:
        try:
            body = base64.b64decode(line, validate=True)
        except binascii.Error:
            self._console = None
            # Its newline may be another line's: what begins inside is looked at again.
            self._drop(2)
            return None
        del self._buffer[: end + 1]
        if mark == _START:
            self._console = bytearray()
        if self._console is None:
            return None
        self._console += body
        return self._finish_packet(self._console)

    def _finish_packet(self, body: bytearray) -> bytes | None:
        whole = 2 + int.from_bytes(body[:2], "big")
        if len(body) < whole <= self._max_packet_bytes + 4:
            return None
        self._console = None
        packet = bytes(body[2:-2])
        if len(body) != whole or len(packet) < _SMALLEST_PACKET:
            self.dropped_frames += 1
            return None
        if binascii.crc_hqx(packet, 0) != int.from_bytes(body[-2:], "big"):
            self.dropped_frames += 1
            return None
        return packet
