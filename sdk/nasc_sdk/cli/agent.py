"""``nasc-sdk agent``: the device process."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.cli.output import broker_option, device_option, runtime_option, site_option
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk agent --broker mqtt://broker.local:1883 --device pi4       on the board
  nasc-sdk agent --board small                                        this machine as a slow board
  nasc-sdk agent --edge edge.local:7700 --edge-timeout-ms 500         a server that no broker knows
  nasc-sdk agent --arena-kb 256 --flash-kb 512                        heads must fit
\b
When ready it prints one JSON line: device, address (of the local inference port, for nasc-sdk infer --agent),
runtime, kernels, contracts. Without --edge the edge server is found through the broker."""
)
@broker_option
@site_option
@device_option
@click.option(
    "--edge", default="", metavar="HOST:PORT", help="Tensor port of the edge server  [default: by the broker]."
)
@click.option(
    "--board",
    type=click.Choice(["small", "this-machine"]),
    default="this-machine",
    show_default=True,
    help="small: reference kernels stand in for a small board, 60-90 times slower than the fast ones.",
)
@click.option(
    "--state-dir",
    type=UserPath(file_okay=False),
    default=Path("nasc-agent"),
    show_default=True,
    help="Heads, profiles and the session counter.",
)
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Local inference port; port 0 picks one.",
)
@runtime_option("TFLite runtime.")
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Of the runtime."
)
@click.option(
    "--arena-kb", type=Finite(min=0), default=0, show_default=True,
    help="Memory for activations, KiB; 0: unlimited.",
)  # fmt: skip
@click.option(
    "--flash-kb", type=Finite(min=0), default=0, show_default=True,
    help="Room for models, KiB, half of it for the next head; 0: unlimited.",
)  # fmt: skip
@click.option(
    "--probe-interval-s", type=Finite(0.05, 3600), default=1.0, show_default=True,
    help="Between pings of the edge server.",
)  # fmt: skip
@click.option(
    "--edge-timeout-ms", type=Finite(1, 60_000), default=1000.0, show_default=True,
    help="After it the held all-local head answers, or an error.",
)  # fmt: skip
# Spelled as for every verb; the ready line is JSON either way, since programs wait for it.
@click.option("--json", "as_json", is_flag=True, hidden=True)
def command(
    broker_url: str, site: str, device: str, edge: str, board: str, state_dir: Path, listen: str,
    runtime_name: str, threads: int, arena_kb: float, flash_kb: float, probe_interval_s: float,
    edge_timeout_ms: float, as_json: bool,
) -> None:  # fmt: skip
    """Run the device agent on this board.

    Prints one JSON line when ready and runs until SIGTERM or Ctrl-C.
    """
    from nasc_sdk.agent.agent import run
    from nasc_sdk.agent.options import Board, Options
    from nasc_sdk.link.shape import parse_address

    run(
        Options(
            broker_url=broker_url,
            site=site,
            device=device,
            edge=parse_address(edge) if edge else None,
            board=Board(board),
            state_dir=state_dir,
            listen=parse_address(listen),
            runtime_name=runtime_name,
            threads=threads,
            arena_bytes=round(arena_kb * 1024),
            flash_bytes=round(flash_kb * 1024),
            probe_interval_s=probe_interval_s,
            edge_timeout_s=edge_timeout_ms / 1e3,
        )
    )
