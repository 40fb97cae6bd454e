"""Real test images through agent, link and server, and what that took against what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.cli.output import format_table
from nasc_sdk.profiling.speed import Speedometer
from nasc_sdk.protocol.local import Answer
from nasc_sdk.report.summary import Part
from nasc_search.joint.scored import Scored

PART: Final = 200
"""Requests between two warm-ups."""
WARM_UP: Final = 20
ENOUGH: Final = 200
"""Requests at full speed that are looked for."""
LEAST: Final = 50
"""Requests at full speed that make a median."""
MOST: Final = 3
"""Times as many requests as were asked for, to find enough at full speed."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers in order; ``full_speed`` says during which of them the processor was not slowed by others."""

    answers: tuple[Answer, ...]
    full_speed: NDArray[np.bool_]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The answers whose median is held against the prediction: all, where hardly any had full speed."""
        return self.full_speed if self.full_speed.sum() >= LEAST else np.ones_like(self.full_speed)


def ask(address: str, images: NDArray[np.uint8], count: int, speed: Speedometer) -> Answered:
    """At least ``count`` requests, and up to three times as many until enough of them ran at full speed."""
    answers: list[Answer] = []
    full_speed: list[bool] = []
    with AgentClient(address, timeout_s=10.0) as client:
        while len(answers) < count or (sum(full_speed) < ENOUGH and len(answers) < MOST * count):
            for index in range(WARM_UP):
                client.infer(images[index])
            probes = [speed.probe()]
            for _ in range(min(PART, count)):
                answers.append(client.infer(images[len(answers) % len(images)]))
                probes.append(speed.probe())
            full_speed += speed.at_full_speed(probes).tolist()
    return Answered(tuple(answers), np.asarray(full_speed))


def compare(predicted: Scored, answered: Answered) -> tuple[Part, ...]:
    """Medians of the requests that count, p95 of all of them."""
    rows = (
        ("head", predicted.head_ms, [answer.head_ms for answer in answered.answers]),
        ("uplink", predicted.transfer_ms, [answer.uplink_ms for answer in answered.answers]),
        ("tail", predicted.tail_ms, [answer.tail_ms for answer in answered.answers]),
        ("total", predicted.total_ms, [answer.total_ms for answer in answered.answers]),
    )
    return tuple(
        Part(name, *quantiles, float(np.median(np.asarray(times)[answered.counted])), float(np.percentile(times, 95)))
        for name, quantiles, times in rows
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
