"""How a training goes, told about once a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """How decided a distribution over candidates is."""

    entropy_bits: float
    """At first the logarithm of the number of candidates."""
    mode_probability: float
    """Of the most likely candidate, 0..1."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """How training goes, about once a second."""

    step: int
    steps: int
    loss: float
    images_per_s: float
    remaining_s: float
    spread: Spread | None = None
    """Where a distribution is trained with the weights."""


class Pace:
    """Turns finished steps into reports; the last step is always told."""

    def __init__(self, steps: int, batch: int, report: Callable[[StepReport], None], done: int = 0) -> None:
        self._steps, self._batch, self._report = steps, batch, report
        self._told, self._last = done, time.monotonic()

    def tell(self, done: int, loss: torch.Tensor, spread: Spread | None = None) -> None:
        """``done`` steps are finished, the last of them with this loss."""
        now = time.monotonic()
        if now - self._last < _EVERY_S and done < self._steps:
            return
        rate = (done - self._told) / max(now - self._last, 1e-9)
        left = (self._steps - done) / max(rate, 1e-9)
        self._told, self._last = done, now
        self._report(StepReport(done, self._steps, float(loss), rate * self._batch, left, spread))
