"""The stage: broker, edge server, shaping proxy, search service and device agent as operating-system processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nasc_sdk.processes import Child, Family
from nasc_search.demo.player import Player

SITE: Final = "demo"
BOARD: Final = "board"
EDGE: Final = "edge"


@dataclass(frozen=True, slots=True)
class Stage:
    """Addresses and processes of a running demo."""

    broker_url: str
    broker_kind: str
    shape_control: str
    agent_address: str
    agent: Child
    runtime: str
    predictor: str


def set_stage(family: Family, directory: Path, board: Player, broker: str, link: tuple[float, float]) -> Stage:
    """Start everything, over a link of (Mbit/s, round trip in ms).

    UnreachableError with the last words of what does not start.
    """
    _, started = family.start(
        "broker", "broker", "--json", "--port", "0", "--kind", broker, "--state-dir", str(directory / "broker")
    )
    common = ("--broker", started["url"], "--site", SITE)
    _, edge = family.start("edge", "edge", *common, "--state-dir", str(directory / "edge"))
    _, shape = family.start(
        "link", "shape", "--listen", "127.0.0.1:0", "--to", edge["listen"], "--control", "127.0.0.1:0",
        "--rate-mbit", str(link[0]), "--round-trip-ms", str(link[1]),
    )  # fmt: skip
    _, service = family.start(
        "service", "service", *common, "--threads", "2", "--state-dir", str(directory / "service")
    )
    agent, device = family.start(
        "agent", *board.verb, *common, "--device", BOARD, "--edge", shape["listen"],
        "--state-dir", str(directory / "agent"),
    )  # fmt: skip
    return Stage(
        broker_url=started["url"],
        broker_kind=started["kind"],
        shape_control=shape["control"],
        agent_address=device["address"],
        agent=agent,
        runtime=device["runtime"],
        predictor=service["predictor"],
    )


def resident_mb(pid: int) -> float:
    """Resident memory of a process, megabytes; 0 where the system does not show it."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


def maps_torch(pid: int) -> bool:
    """Whether a process has torch's library mapped."""
    try:
        return "libtorch" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False
