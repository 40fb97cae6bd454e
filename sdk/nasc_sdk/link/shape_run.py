"""The shaping proxy's process: announces its ports on standard output and ends on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from dataclasses import asdict

from nasc_sdk.link.shape import ShapingProxy, precise_loop
from nasc_sdk.link.shaped_line import Shape

Address = tuple[str, int]


def run(listen: Address, to: Address, control: Address, shape: Shape, seed: int) -> None:
    """Serve until SIGTERM or SIGINT; raises InputError when an address cannot be used."""
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(_serve(listen, to, control, shape, seed))


async def _serve(listen: Address, to: Address, control: Address, shape: Shape, seed: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    proxy = ShapingProxy(to, shape, seed)
    listen_port, control_port = await proxy.start(listen, control)
    ready = {
        "listen": f"{listen[0]}:{listen_port}",
        "control": f"{control[0]}:{control_port}",
        "to": f"{to[0]}:{to[1]}",
        **asdict(shape),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    # A collection in the middle of a transfer is a millisecond of jitter: what exists now stays.
    gc.collect()
    gc.freeze()
    await stopped.wait()
    await proxy.close()
