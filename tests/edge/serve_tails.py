"""A tensor server as a process of its own, without MQTT: ``python -m tests.edge.serve_tails DIRECTORY``."""

import asyncio
import sys
from pathlib import Path

from nasc_edge.server import TensorServer
from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.runtime.select import open_runtime


async def main():
    store = TailStore(Path(sys.argv[1]), load_litert(open_runtime(), check=False))
    store.restore()
    port = await TensorServer(store).start("127.0.0.1", 0)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main())
