"""What the agent's process is told."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from nasc_sdk.affinity import bound_to
from nasc_sdk.runtime.base import Kernels, Runtime
from nasc_sdk.runtime.slowed import SlowedRuntime


class Board(StrEnum):
    """Which board this machine plays."""

    SMALL = "small"
    """A slow one: TFLite's reference kernels, every run twice over, on one core, stand in for it."""
    THIS_MACHINE = "this-machine"
    """Itself, with its fast kernels."""

    @property
    def kernels(self) -> Kernels:
        """What heads and profiles run on."""
        match self:
            case Board.SMALL:
                return Kernels.REFERENCE
            case Board.THIS_MACHINE:
                return Kernels.XNNPACK
            case _:
                assert_never(self)

    @property
    def runs(self) -> int:
        """How often each run is done: slow boards are not made by slow kernels alone."""
        return 2 if self is Board.SMALL else 1

    @property
    def core(self) -> int | None:
        """The processor that runs the heads of a board with one core; None: any."""
        if self is Board.THIS_MACHINE or not hasattr(os, "sched_getaffinity"):
            return None
        return max(os.sched_getaffinity(os.getpid()))

    def keep_thread_to_core(self) -> None:
        """Whatever this thread does from now on, it does on the board's core."""
        if self.core is not None:
            os.sched_setaffinity(0, {self.core})

    def on_core(self) -> AbstractContextManager[None]:
        """The same for the length of a block."""
        return bound_to(self.core)

    def play(self, runtime: Runtime) -> Runtime:
        """The runtime as this board has it."""
        return SlowedRuntime(runtime, self.runs) if self.runs > 1 else runtime

    @property
    def label(self) -> str:
        """Said next to every figure."""
        if self is Board.THIS_MACHINE:
            return ""
        return (
            f"reference kernels on one core, each run {self.runs} times over, stand in for a small board "
            "(60-90 times slower than this machine's fast kernels)"
        )


@dataclass(frozen=True, slots=True)
class Options:
    """``listen`` and ``edge`` are (host, port); ``edge`` None takes it from the site's edge server's State.

    Memory limits in bytes, 0: unlimited.
    """

    broker_url: str
    site: str
    device: str
    edge: tuple[str, int] | None
    board: Board
    state_dir: Path
    listen: tuple[str, int] = ("127.0.0.1", 0)
    runtime_name: str = "auto"
    threads: int = 1
    arena_bytes: int = 0
    flash_bytes: int = 0
    probe_interval_s: float = 1.0
    edge_timeout_s: float = 1.0
