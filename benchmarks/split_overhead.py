"""What our stack adds to a split request.

    python benchmarks/split_overhead.py [--json FILE] [--requests 2000]

A request of 16 KB with a tail that does nothing goes through frames, server, queue, worker and decoding; a raw socket
with a length prefix answers the same bytes. Both servers live in one other process, requests alternate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasc_edge.server import TensorServer
from nasc_edge.tails import Installed, Logits, TailStore
from nasc_sdk.cli.output import format_table
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.protocol.frames import FrameParser, Reply, Request, Status, encode

CUT = TensorSpec(16, 16, 64)
CONTRACT = Contract(1, CUT, 0.05, 0, "benchmark")
ANSWER_BYTES = 64


class NoTail:
    """Gives 10 logits for nothing."""

    def run(self, cut: NDArray[np.float32], worker: int) -> Logits:
        """Zeros."""
        return np.zeros((len(cut), 10), np.float32)


class FixedStore(TailStore):
    """Holds one tail that came from nowhere."""

    def get(self, contract_id: str) -> Installed | None:
        """The tail, for its own contract."""
        return Installed(CONTRACT, CutCodec(CONTRACT), NoTail(), "") if contract_id == CONTRACT.id else None


def serve(ports: Connection) -> None:
    """The other process: both servers."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=raw_echo, args=(listener,), daemon=True).start()

    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            store = FixedStore(Path(directory), lambda bundle: NoTail())
            port = await TensorServer(store).start("127.0.0.1", 0)
            ports.send((listener.getsockname()[1], port))
            await asyncio.to_thread(ports.recv)

    asyncio.run(run())


def raw_echo(listener: socket.socket) -> None:
    """Length-prefixed requests, fixed answers: the least that any stack must do."""
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as file:
        while header := file.read(4):
            file.read(int.from_bytes(header, "big"))
            connection.sendall(bytes(ANSWER_BYTES))


def connect(port: int) -> socket.socket:
    """A connection without Nagle's delay."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask_raw(connection: socket.socket, payload: bytes) -> None:
    """One exchange with the raw server."""
    connection.sendall(len(payload).to_bytes(4, "big") + payload)
    left = ANSWER_BYTES
    while left:
        left -= len(connection.recv(left))


def ask_ours(connection: socket.socket, parser: FrameParser, payload: bytes) -> None:
    """One exchange with the edge server."""
    connection.sendall(encode(Request(CONTRACT.id, 1, payload)))
    while (frame := parser.next_frame()) is None:
        parser.receive_data(connection.recv(65536))
    assert isinstance(frame, Reply)
    assert frame.status is Status.OK, frame.reason


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int) -> NDArray[np.float64]:
    """(2, rounds) milliseconds, warm-up not counted."""
    samples = np.empty((2, rounds))
    for number in range(-max(rounds // 10, 3), rounds):
        for row, call in enumerate((first, second)):
            started = time.perf_counter_ns()
            call()
            if number >= 0:
                samples[row, number] = (time.perf_counter_ns() - started) / 1e6
    return samples


def overhead(requests: int) -> dict[str, Any]:
    """Milliseconds of a 16 KB request, raw and ours."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    raw_port, port = here.recv()
    payload, parser = np.random.default_rng(0).bytes(CUT.elements), FrameParser()
    with connect(raw_port) as raw, connect(port) as ours:
        samples = alternate(lambda: ask_raw(raw, payload), lambda: ask_ours(ours, parser, payload), requests)
    here.send(None)
    process.join(10)
    raw_ms, ours_ms = (
        dict(zip(("p50", "p95"), np.percentile(row, (50, 95)).tolist(), strict=True)) for row in samples
    )
    added = {name: ours_ms[name] - raw_ms[name] for name in ("p50", "p95")}
    return {
        "payload_bytes": CUT.elements,
        "requests": requests,
        "raw_ms": raw_ms,
        "ours_ms": ours_ms,
        "added_ms": added,
    }


def main() -> None:
    """Measure, print tables, write JSON."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--requests", type=int, default=2000)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    machine = f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}"
    split = overhead(chosen.requests)
    print(f"machine: {machine}; {split['requests']} requests of {split['payload_bytes']} bytes, measured")
    named = {"raw socket echo": "raw_ms", "frames, server, codec": "ours_ms", "added": "added_ms"}
    rows = [[name, *(f"{split[key][p]:.3f}" for p in ("p50", "p95"))] for name, key in named.items()]
    print(format_table(["split request", "p50 ms", "p95 ms"], rows))
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine, "split": split}, indent=2) + "\n")


if __name__ == "__main__":
    main()
