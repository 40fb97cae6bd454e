"""Real test images through agent, link and server, and what that took against what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.cli.output import format_table
from nasc_sdk.protocol.local import Answer
from nasc_sdk.report.summary import Part
from nasc_search.demo.processors import Processors, Slowdown, felt
from nasc_search.joint.scored import Scored

PART: Final = 200
"""Requests between two warm-ups."""
WARM_UP: Final = 20


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers in order, and how fast the processors were around each."""

    answers: tuple[Answer, ...]
    slowdown: Slowdown
    """One row an answer."""

    @property
    def times(self) -> NDArray[np.float64]:
        """(n, 4): head, uplink, tail, total, ms."""
        return np.asarray([(a.head_ms, a.uplink_ms, a.tail_ms, a.total_ms) for a in self.answers])

    @property
    def undisturbed_p95_ms(self) -> float:
        """Of the totals, without what others slowed head and tail."""
        head, _, tail, total = self.times.T
        board, server = felt(self.slowdown).T
        return float(np.percentile(total - head * (1 - 1 / board) - tail * (1 - 1 / server), 95))

    @property
    def typical_slowdown(self) -> tuple[float, float]:
        """Medians, board and server."""
        board, server = np.median(self.slowdown, axis=0).tolist()
        return board, server


def ask(address: str, images: NDArray[np.uint8], count: int, processors: Processors) -> Answered:
    """``count`` requests one after another."""
    answers: list[Answer] = []
    slowdown: list[Slowdown] = []
    with processors.on_board(), AgentClient(address, timeout_s=10.0) as client:
        while len(answers) < count:
            for index in range(WARM_UP):
                client.infer(images[index])
            probes = [processors.probe()]
            for _ in range(min(PART, count - len(answers))):
                answers.append(client.infer(images[len(answers) % len(images)]))
                probes.append(processors.probe())
            slowdown.append(processors.slowdown(probes))
    return Answered(tuple(answers), np.concatenate(slowdown))


def compare(predicted: Scored, answered: Answered) -> tuple[Part, ...]:
    """Predicted against measured; each median is predicted for the speed that the processors had."""
    board, server = felt(answered.slowdown).T
    head, tail = predicted.head_ms[0] * board, predicted.tail_ms[0] * server
    transfer = np.full_like(head, predicted.transfer_ms[0])
    total = predicted.total_ms[0] + head - predicted.head_ms[0] + tail - predicted.tail_ms[0]
    rows = (
        ("head", head, predicted.head_ms),
        ("uplink", transfer, predicted.transfer_ms),
        ("tail", tail, predicted.tail_ms),
        ("total", total, predicted.total_ms),
    )
    return tuple(
        Part(name, float(np.median(p50)), p95, float(np.median(times)), float(np.percentile(times, 95)))
        for (name, p50, (_, p95)), times in zip(rows, answered.times.T, strict=True)
    )


def format_parts(found: tuple[Part, ...]) -> str:
    """A table: one line for head, uplink, tail and total."""

    def error(predicted: float, measured: float) -> str:
        return f"{predicted / measured - 1:+.1%}" if measured > 0.01 else "-"

    rows = [
        (
            part.name,
            f"{part.predicted_p50:.2f}",
            f"{part.measured_p50:.2f}",
            error(part.predicted_p50, part.measured_p50),
            f"{part.predicted_p95:.2f}",
            f"{part.measured_p95:.2f}",
        )
        for part in found
    ]
    header = ("ms", "p50 predicted", "p50 measured", "error", "p95 predicted", "p95 measured")
    return format_table(header, rows)
