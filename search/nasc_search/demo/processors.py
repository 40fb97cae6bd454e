"""The processors of the demo, and how fast each was around a request.

A board with one core has one to itself, and leaves the others to link and edge server. Any may be slowed by others for
tenths of a second to minutes, so both the board's and another are probed between any two requests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.affinity import bound_to
from nasc_sdk.agent.options import Board
from nasc_sdk.ir.network import INPUT, Block, BlockKind, Network, Op, OpKind, TensorSpec
from nasc_sdk.profiling.speed import Speedometer
from nasc_sdk.runtime.base import Kernels, Session
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export.quantize import quantize
from nasc_search.export.writer import write_int8
from nasc_search.weights import LayerWeights

Probe = tuple[float, float]
"""Seconds of the fixed work on the processor of the board and on that of the server."""
Slowdown = NDArray[np.float64]
"""(n, 2): how many times as long as at full speed work took on either."""

_FELT: Final = 0.8
"""How much of a probe's slow-down heads and tails feel: 0.6 to 1.0 in runs of the demo on one machine. Others on a
processor do not slow everything alike: a Python loop up to 2.1 times, kernels 1.4 to 1.9 times."""
_SPEC: Final = TensorSpec(16, 16, 16)
_TRIAL: Final = 20


class Processors:
    """Where board and server run; probes tell their speed, each by a convolution on its own kernels.

    A ``simulated`` board's times are counts, which nothing slows.
    """

    def __init__(self, board: Board, *, simulated: bool = False) -> None:
        self._simulated = simulated
        self.board = board.core
        self.server = self.board if self.board is None else _other(self.board)
        model, runtime = _convolution(), open_runtime()
        self._meters = []
        for core, kernels in ((self.board, board.kernels), (self.server, Kernels.XNNPACK)):
            with bound_to(core):
                self._meters.append((core, Speedometer(_running(runtime.load(model, kernels=kernels)), _TRIAL)))

    def on_board(self) -> AbstractContextManager[None]:
        """What this thread does within, it does on the board's processor."""
        return bound_to(self.board)

    def probe(self) -> Probe:
        """Seconds of the fixed work on either processor, now. The board's comes first: the server may still tidy up."""
        seconds = []
        for core, meter in self._meters:
            with bound_to(core):
                seconds.append(meter.probe())
        board, server = seconds
        return board, server

    def slowdown(self, probes: Sequence[Probe]) -> Slowdown:
        """For each step between two neighbouring probes, how many times as long as at full speed work took."""
        times = np.asarray(probes, np.float64).reshape(-1, 2)
        full = [meter.fastest_s for _, meter in self._meters]
        slowed = np.maximum((times[:-1] + times[1:]) / 2 / full, 1.0)
        if self._simulated:
            slowed[:, 0] = 1.0
        return np.asarray(slowed)


def felt(slowdown: Slowdown) -> Slowdown:
    """What heads and tails make of a slow-down that probes found."""
    return 1.0 + _FELT * (slowdown - 1.0)


def _other(core: int) -> int:
    """A processor that is not this one, where there is one."""
    return min(os.sched_getaffinity(0) - {core}, default=core)


def _running(session: Session) -> Callable[[int], None]:
    session.feed(np.zeros((1, _SPEC.height, _SPEC.width, _SPEC.channels), np.int8))

    def run(times: int) -> None:
        for _ in range(times):
            session.invoke()

    return run


def _convolution() -> bytes:
    """One 3x3 convolution, int8: of what heads and tails mostly do."""
    op = Op(OpKind.CONV, (INPUT,), "y", _SPEC, kernel=3, param="probe")
    network = Network("probe", (Block("probe", BlockKind.STEM, _SPEC, (op,), "y"),))
    weight = np.random.default_rng(0).normal(0, 0.1, (_SPEC.channels, _SPEC.channels, 3, 3)).astype(np.float32)
    weights = {"probe": LayerWeights(weight, np.zeros(_SPEC.channels, np.float32))}
    ranges = {("probe", INPUT): (-1.0, 1.0), ("probe", "y"): (-4.0, 4.0)}
    return write_int8(quantize(network, weights, ranges))
