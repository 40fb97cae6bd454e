"""The whole firmware behind a UART of a given rate, with flash that takes its time; all in virtual time.

A byte takes ten bits. The client and the firmware share a clock, which passes only while both wait: so figures hang on
no machine, and a run repeats to the nanosecond. ``host/paced_port.c`` is the other side.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from nasc_sdk.mcu.boards import Board, firmware_folder
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.mcu.smp_frames import Framing
from tests.firmware.smp.chips import CHIPS, Chip

HOST_S = 0.009
"""One way between line and client: of both, a millisecond is USB's and 16 the timer of an FTDI adapter."""
_PORT = Path(__file__).with_name("host") / "paced_port.c"
_BUILD_TIMEOUT_S, _WAIT_S = 100, 20


@dataclass(frozen=True, slots=True)
class Upload:
    """What one took, in virtual time."""

    plan_bytes: int
    baud: int
    seconds: float
    """From the first request of the upload to its last answer."""
    erasing_s: float
    """Of it, what flash was erased for before the first byte was sent."""
    sent_bytes: int

    @property
    def share(self) -> float:
        """Of the line rate that the plan's bytes went at, erasing apart."""
        return self.plan_bytes * 10 / self.baud / (self.seconds - self.erasing_s)


def build_paced(folder: Path) -> Path:
    """All of the firmware but its hardware's ports, for this machine."""
    root, program = firmware_folder(), folder / "paced"
    sources = [path for path in (root / "src").rglob("*.c") if path.parent.name not in ("dsp", "mve")]
    command = [
        "cc", "-std=c99", "-O0", "-fwrapv", "-DNASC_ARENA_BYTES=65536u", f"-I{root / 'src'}", f"-I{root}",
        *map(str, sources), str(_PORT), "-o", str(program),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return program


def upload(program: Path, board: Board, baud: int, framing: Framing = Framing.RAW) -> Upload:
    """A head of random bytes, by a client as it comes."""
    chip = CHIPS[board.name]
    wire = PacedWire(program, chip, baud, board.clock_hz)
    client = SmpClient(wire, framing=framing, clock=wire.clock)
    try:
        client.hello()
        began_s, sent_before = wire.clock(), wire.sent_bytes
        plan = random.Random(1).randbytes(chip.head_bytes)
        client.upload(plan)
        erasing_s = wire.erasing_ns / 1e9
        return Upload(len(plan), baud, wire.clock() - began_s, erasing_s, wire.sent_bytes - sent_before)
    finally:
        client.close()


class PacedWire:
    """A wire of :class:`nasc_sdk.mcu.smp_client.SmpClient`, and its clock."""

    def __init__(self, program: Path, chip: Chip, baud: int, clock_hz: int) -> None:
        self._byte_ns, self._host_ns = round(10e9 / baud), round(HOST_S * 1e9)
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._now_ns = self._free_ns = 0
        self._coming: deque[tuple[int, bytes]] = deque()
        self.erasing_ns = self.sent_bytes = 0
        self._write(
            struct.pack(
                "<5Q", self._byte_ns, round(1e9 * chip.work_cycles / clock_hz), chip.sector_bytes,
                round(chip.erase_s * 1e9), round(chip.page_s * 1e9),
            )
        )  # fmt: skip
        self._hear()

    def clock(self) -> float:
        """Seconds."""
        return self._now_ns / 1e9

    def send(self, data: bytes) -> None:
        """The system takes all at once; the line takes one after the other."""
        begins_ns = max(self._now_ns + self._host_ns, self._free_ns)
        self._free_ns = begins_ns + len(data) * self._byte_ns
        self.sent_bytes += len(data)
        self._write(struct.pack("<cQI", b"B", begins_ns, len(data)) + data)

    def receive(self, timeout_s: float) -> bytes:
        """What arrived by then."""
        deadline_ns = self._now_ns + max(round(timeout_s * 1e9), 1)  # or rounding would stop the clock
        while True:
            until_ns = min(deadline_ns, self._coming[0][0]) if self._coming else deadline_ns
            self._write(struct.pack("<cQ", b"W", until_ns))
            if self._hear() < until_ns:
                continue  # it sent something, which is still coming
            self._now_ns = until_ns
            data = b""
            while self._coming and self._coming[0][0] <= until_ns:
                data += self._coming.popleft()[1]
            if data or until_ns == deadline_ns:
                return data

    def close(self) -> None:
        """The board ends with its line."""
        self._process.stdin.close()
        ended = self._process.wait(_WAIT_S)
        self._process.stdout.close()
        assert ended == 0

    def _write(self, data: bytes) -> None:
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _hear(self) -> int:
        """The board's time."""
        now_ns, self.erasing_ns, count = struct.unpack("<QQI", self._process.stdout.read(20))
        if count:
            self._coming.append((now_ns + self._host_ns, self._process.stdout.read(count)))
        return now_ns
