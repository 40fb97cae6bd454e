"""The firmware's SMP server in a process, in lock step: no real time passes, and nothing is left to chance."""

import struct
import subprocess

from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.mcu.smp_frames import FrameReceiver, Framing, encode

BYTES_PER_S = 11520
"""115200 baud."""


class Board:
    """Takes bytes of the line and gives back what the board sent."""

    def __init__(self, program):
        self._process = subprocess.Popen([program, "lockstep"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        ended = self._process.wait(timeout=20)
        self._process.stdout.close()
        # A sanitizer that found something ends the process with another code.
        assert ended == 0

    def _tell(self, kind, number, data=b""):
        self._process.stdin.write(struct.pack("<cI", kind, number) + data)
        self._process.stdin.flush()
        (length,) = struct.unpack("<I", self._process.stdout.read(4))
        return self._process.stdout.read(length)

    def take(self, data):
        return self._tell(b"B", len(data), data)

    def idle(self, milliseconds=1000):
        return self._tell(b"I", milliseconds)

    def active_plan(self):
        return self._tell(b"P", 0)

    def power_cycle(self):
        self._tell(b"R", 0)

    def ask(self, packet, framing=Framing.RAW):
        """The one packet that answers."""
        receiver = FrameReceiver()
        receiver.receive_data(self.take(encode(framing, packet)))
        (answer,) = receiver.packets()
        assert answer.framing is framing
        assert receiver.next_packet() is None
        return answer.content


class PerfectLine:
    """Changes nothing; the interface of lines that do."""

    def to_board(self, data):
        return data

    def to_host(self, data):
        return data

    def released_to_board(self):
        """Bytes that were held up until now."""
        return b""

    def released_to_host(self):
        return b""


class LockstepWire:
    """A wire to the board with a clock of its own: waiting costs nothing, sending what the line would take."""

    def __init__(self, board, line=None, tells_silence=True):
        self._board, self._line, self._tells_silence = board, line or PerfectLine(), tells_silence
        self._arrived = bytearray()
        self._silence_s = 0.0
        self.now_s = 0.0
        self.sent_bytes = 0

    def clock(self):
        return self.now_s

    def send(self, data):
        self.sent_bytes += len(data)
        self.now_s += len(data) / BYTES_PER_S
        self._silence_s = 0.0
        self._deliver(self._line.released_to_board() + self._line.to_board(data))

    def receive(self, timeout_s):
        self._arrived += self._line.released_to_host()
        if not self._arrived and (late := self._line.released_to_board()):
            self._deliver(late)
        if not self._arrived:
            self.now_s += timeout_s
            self._silence_s += timeout_s
            if self._tells_silence:
                answer = self._board.idle(min(int(self._silence_s * 1000), 10**6))
                self._arrived += self._line.to_host(answer)
        data, self._arrived = bytes(self._arrived), bytearray()
        return data

    def close(self):
        pass

    def _deliver(self, data):
        answer = self._board.take(data) if data else b""
        self.now_s += len(answer) / BYTES_PER_S
        self._arrived += self._line.to_host(answer)


def client_of(board, line=None, *, tells_silence=True, **options):
    """A client on a lockstep wire, and the wire."""
    wire = LockstepWire(board, line, tells_silence)
    return SmpClient(wire, clock=wire.clock, **options), wire
