"""The edge server's process: store, tensor port and MQTT together, ended by SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from nasc_edge.control import EdgeControl, Identity
from nasc_edge.server import TensorServer
from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.durable import sole_user
from nasc_sdk.runtime.base import describe
from nasc_sdk.runtime.select import open_runtime


@dataclass(frozen=True, slots=True)
class Options:
    """What the process is told; ``listen`` is (host, port)."""

    broker_url: str
    site: str
    device: str
    listen: tuple[str, int]
    advertise: str
    directory: Path
    threads: int
    grace_s: float


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; raises NascError when it cannot start."""
    with sole_user(options.directory):
        asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runtime = open_runtime()
    store = TailStore(options.directory / "tails", load_litert(runtime, workers=options.threads))
    # What passed when it was installed is not tried in a child process again: serve at once.
    store.restore(load_litert(runtime, workers=options.threads, check=False))
    server = TensorServer(store, workers=options.threads)
    host, _ = options.listen
    port = await server.start(*options.listen)
    address = options.advertise or f"{host}:{port}"
    identity = Identity(options.site, options.device, address)
    control = EdgeControl(
        options.broker_url, identity, store, runtime, options.directory, grace_s=options.grace_s
    )
    try:
        await asyncio.to_thread(control.start)
        ready = {
            "listen": f"{host}:{port}",
            "address": address,
            "runtime": describe(runtime),
            "contracts": store.contracts,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await asyncio.to_thread(control.close)
        await server.close()
