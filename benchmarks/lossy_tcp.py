"""The loss model against the TCP of this machine's kernel, over a link made of a TUN device that loses packets.

    unshare -rn python benchmarks/lossy_tcp.py [--congestion cubic] [--rate-mbit 20] [--round-trip-ms 20]
        [--requests 300] [--json]

Needs root, or user namespaces as above, and /dev/net/tun. Requests of several sizes and answers of 4 bytes go over one
connection. Whatever leaves through the device comes back in by it, its addresses swapped, after its time on the wire
and half a round trip, or not at all: to the kernel both ends are somebody else's. Beside the model's the times of the
same requests without loss are shown, whose congestion window may be small as well when requests come one at a time.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import json
import multiprocessing
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time
from typing import Any

import numpy as np

from nasc_sdk.link.link import Link

_DEVICE = "nasc0"
_HERE, _THERE, _PORT = "10.99.0.1", "10.99.0.2", 7777
_SET_DEVICE, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
_MTU = 1440
_SIZES = (100, 1000, 4000, 16_000, 50_000)
_LOSSES = (0.001, 0.01, 0.03)
_SHOWN = (50, 90, 95)
_EARLY_S = 1e-4
_ANSWER_BYTES = 4
_TIMEOUT_S = 60.0


class LossyDevice(multiprocessing.Process):
    """Hands packets back for as long as the parent lives; a process, since a busy thread beside it would be jitter."""

    def __init__(self, rate_mbit: float, round_trip_ms: float) -> None:
        super().__init__(daemon=True)
        self.loss = multiprocessing.Value("d", 0.0)
        self._byte_s, self._delay_s = 8e-6 / rate_mbit, round_trip_ms / 2000
        self._file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._file, _SET_DEVICE, struct.pack("16sH22x", _DEVICE.encode(), _TUN_WITHOUT_HEADER))
        for words in (f"addr add {_HERE}/24 dev {_DEVICE}", f"link set {_DEVICE} up mtu {_MTU}"):
            subprocess.run(["ip", *words.split()], check=True)
        self._generator = random.Random(0)
        self._free_s: dict[bool, float] = {}
        self._travelling: list[tuple[float, int, bytes]] = []
        self._count = 0

    def run(self) -> None:
        """Until the process ends."""
        while True:
            now_s = time.monotonic() + _EARLY_S
            while self._travelling and self._travelling[0][0] <= now_s:
                os.write(self._file, heapq.heappop(self._travelling)[2])
            wait_s = max(self._travelling[0][0] - now_s, 0.0) if self._travelling else 1.0
            if select.select([self._file], [], [], wait_s)[0]:
                self._take(os.read(self._file, 2 * _MTU))

    def _take(self, packet: bytes) -> None:
        if packet[0] >> 4 != 4 or self._generator.random() < self.loss.value:
            return
        up = struct.unpack("!H", packet[22:24])[0] == _PORT
        left_s = max(self._free_s.get(up, 0.0), time.monotonic()) + len(packet) * self._byte_s
        self._free_s[up] = left_s
        self._count += 1
        # Sums of words do not change when addresses are swapped, so the checksums still hold.
        swapped = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        heapq.heappush(self._travelling, (left_s + self._delay_s, self._count, swapped))


def serve(listener: socket.socket) -> None:
    """Answer the requests of one connection."""
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as file:
        while header := file.read(4):
            file.read(int.from_bytes(header, "big"))
            connection.sendall(header)


def connected(congestion: str) -> socket.socket:
    """A client whose server is a thread of this process."""
    listener = socket.create_server((_HERE, _PORT))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    client = socket.socket()
    client.settimeout(_TIMEOUT_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.connect((_THERE, _PORT))
    return client


def ask(client: socket.socket, size: int) -> float:
    """Milliseconds of one request."""
    begun = time.perf_counter()
    client.sendall((size - 4).to_bytes(4, "big") + bytes(size - 4))
    left = _ANSWER_BYTES
    while left:
        left -= len(client.recv(left)) or left
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    """Measure, predict, print side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--congestion", default="cubic")
    parser.add_argument("--rate-mbit", type=float, default=20.0)
    parser.add_argument("--round-trip-ms", type=float, default=20.0)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    device = LossyDevice(given.rate_mbit, given.round_trip_ms)
    device.start()
    client = connected(given.congestion)
    rows: list[dict[str, Any]] = []
    for loss in (0.0, *_LOSSES):
        for size in _SIZES:
            device.loss.value = loss
            took = np.percentile([ask(client, size) for _ in range(given.requests)], _SHOWN).tolist()
            link = Link.fixed(given.rate_mbit, given.round_trip_ms, loss)
            predicted = [link.transfer_quantile_ms(size, percentile) for percentile in _SHOWN]
            rows.append({"loss": loss, "bytes": size, "measured_ms": took, "predicted_ms": predicted})
            if not given.json:
                pairs = [f"p{at} {one:.1f} / {two:.1f}" for at, one, two in zip(_SHOWN, took, predicted, strict=True)]
                print(f"{given.congestion}, loss {loss:g}, {size} bytes, ms: {', '.join(pairs)} predicted", flush=True)
    if given.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
