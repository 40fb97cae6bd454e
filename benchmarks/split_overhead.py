"""What our stack adds to a split request, and what a compiled tail saves over eager torch.

    python benchmarks/split_overhead.py [--json FILE] [--requests 2000]

1. A request of 16 KB with a tail that does nothing goes through frames, server, queue, worker and decoding;
a raw
   socket with a length prefix answers the same bytes. Both servers live in one other process, requests
   alternate.
2. The same tail of an NB201 network runs as it is served (float32 on LiteRT) and in eager torch, one thread
each,
   rounds alternate; both must give the same top-1.
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
from nasc_edge.tails import Installed, LitertTail, Logits, TailStore, decode_cut
from nasc_edge.torch_tail import TorchTail, check_against_torch
from nasc_sdk.cli.output import format_table
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import Network, OpKind, TensorSpec
from nasc_sdk.protocol.frames import FrameParser, Reply, Request, Status, encode
from nasc_sdk.runtime.base import describe
from nasc_sdk.runtime.select import open_runtime
from nasc_search.weights import FoldedWeights, LayerWeights

CUT = TensorSpec(16, 16, 64)
CONTRACT = Contract(1, CUT, 0.05, 0, "benchmark")
ANSWER_BYTES = 64
ARCH = "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"


class NoTail:
    """Gives 10 logits for nothing."""

    def run(self, cut: NDArray[np.float32], worker: int) -> Logits:
        """Zeros."""
        return np.zeros((len(cut), 10), np.float32)


class FixedStore(TailStore):
    """Holds one tail that came from nowhere."""

    def get(self, contract_id: str) -> Installed | None:
        """The tail, for its own contract."""
        return Installed(CONTRACT, CUT.elements, NoTail(), "") if contract_id == CONTRACT.id else None


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


def random_weights(network: Network, rng: np.random.Generator) -> FoldedWeights:
    """He-normal: speed does not depend on what a network was trained for, and activations keep their size."""
    weights = {}
    for block, op in network.ops():
        if op.param:
            source, kernel = block.spec_of(op.inputs[0]), (op.kernel, op.kernel)
            shape: tuple[int, ...] = (op.spec.channels, source.channels, *kernel)
            if op.kind is OpKind.DEPTHWISE:
                shape = (op.spec.channels, 1, *kernel)
            elif op.kind is OpKind.DENSE:
                shape = (op.spec.channels, source.elements)
            weight = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
            weights[op.param] = LayerWeights(weight, np.zeros(shape[0], np.float32))
    return weights


def tail_against_torch(rounds: int) -> dict[str, Any]:
    """Milliseconds of the same tail as served and in eager torch."""
    import torch

    from nasc_search.export import float_reference
    from nasc_search.export.float_writer import write_float
    from nasc_search.spaces.nb201 import Macro, NB201Space

    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    network = NB201Space(Macro(TensorSpec(32, 32, 3), classes=10, channels=16)).network(ARCH)
    weights = random_weights(network, rng)
    tail, spec = network.tail(1), network.cut_spec(1)
    contract = Contract(1, spec, 0.02, 0, "benchmark")
    payload = rng.integers(-128, 128, 64 * spec.elements).astype(np.int8).tobytes()
    cut = decode_cut(contract, payload, 64)
    runtime = open_runtime()
    served = LitertTail(write_float(tail, weights), contract, runtime)
    reference = TorchTail(tail, {param: (layer.weight, layer.bias) for param, layer in weights.items()})
    agreement = check_against_torch(served, reference, cut)
    off = float(
        np.abs(reference.run(cut[:2]) - float_reference.run(tail, weights, cut[:2]).reshape(2, -1)).max()
    )
    samples = alternate(lambda: served.run(cut[:1], 0), lambda: reference.run(cut[:1]), rounds)
    served_ms, torch_ms = np.median(samples, axis=1).tolist()
    return {
        "tail": f"{ARCH} after {network.blocks[0].name}, {spec}", "runtime": describe(runtime),
        "torch": torch.__version__, "served_ms": served_ms, "torch_ms": torch_ms,
        "ratio": torch_ms / served_ms,
        "same_top1": agreement.same_top1, "largest_difference": agreement.largest_difference,
        "torch_against_numpy": off,
    }  # fmt: skip


def main() -> None:
    """Measure, print tables, write JSON."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--requests", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    machine = f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}"
    split, tail = overhead(chosen.requests), tail_against_torch(chosen.rounds)
    print(f"machine: {machine}; {split['requests']} requests of {split['payload_bytes']} bytes, measured")
    named = {"raw socket echo": "raw_ms", "frames, server, codec": "ours_ms", "added": "added_ms"}
    rows = [[name, *(f"{split[key][p]:.3f}" for p in ("p50", "p95"))] for name, key in named.items()]
    print(format_table(["split request", "p50 ms", "p95 ms"], rows))
    print()
    rows = [[f"served, {tail['runtime']}", f"{tail['served_ms']:.3f}", f"{tail['ratio']:.1f}x"],
            [f"torch {tail['torch']}, eager", f"{tail['torch_ms']:.3f}", "1.0x"]]  # fmt: skip
    print(format_table(["tail, 1 thread", "median ms", "speed"], rows))
    print(f"same top-1: {tail['same_top1']:.1%}, largest difference {tail['largest_difference']:.2g}")
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"machine": machine, "split": split, "tail": tail}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
