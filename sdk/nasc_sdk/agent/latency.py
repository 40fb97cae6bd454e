"""Collects answers and sums them up: the board's LatencyReport, and what ``nasc-sdk infer`` shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from nasc_sdk.protocol.local import Answer, ServedBy
from nasc_sdk.protocol.messages import LatencyReport

PARTS: Final = ("head_ms", "uplink_ms", "tail_ms", "total_ms")
MAX_KEPT: Final = 10_000
SLOW_PER_S: Final = 15.0
"""A board that answers fewer is slow: its report waits for ``ENOUGH`` answers, or for ``LONGEST_S``."""
ENOUGH: Final = 100
"""Answers whose p95 means something."""
LONGEST_S: Final = 30.0


def median_and_p95(answers: Sequence[Answer], part: str) -> tuple[float, float]:
    """Of one of PARTS, milliseconds; zeros without answers."""
    if not answers:
        return 0.0, 0.0
    median, p95 = np.percentile([getattr(answer, part) for answer in answers], (50, 95))
    return float(median), float(p95)


class LatencyTally:
    """Answers and failures since the last report. Thread-safe, bounded."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._answers: list[Answer] = []
        self._failures = 0
        self._begun_s = 0.0
        self._lock = threading.Lock()

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        with self._lock:
            self._begin()
            if len(self._answers) < MAX_KEPT:
                self._answers.append(answer)

    def failed(self) -> None:
        """Count a request without an answer."""
        with self._lock:
            self._begin()
            self._failures += 1

    def is_due(self) -> bool:
        """Whether to report now: always, but for a slow board that has answered too little so far as usual."""
        with self._lock:
            count = len(self._answers)
            if self._failures or any(answer.served_by is ServedBy.FALLBACK for answer in self._answers):
                return True
            waited_s = time.monotonic() - self._begun_s if count else 0.0
            return count >= min(ENOUGH, SLOW_PER_S * waited_s) or waited_s >= LONGEST_S

    def _begin(self) -> None:
        if not self._answers and not self._failures:
            self._begun_s = time.monotonic()

    def report(self) -> LatencyReport | None:
        """Since the last call; None when nothing was asked.

        Parts are those of the newest contract alone: a median over two candidates is of neither.
        """
        with self._lock:
            answers, failures = self._answers, self._failures
            self._answers, self._failures = [], 0
        if not answers and not failures:
            return None
        contract = answers[-1].contract if answers else ""
        newest = [answer for answer in answers if answer.contract == contract]
        head, uplink, tail, total = (median_and_p95(newest, part) for part in PARTS)
        return LatencyReport(
            device=self._device,
            contract=contract,
            requests=len(answers) + failures,
            failures=failures,
            fallbacks=sum(answer.served_by is ServedBy.FALLBACK for answer in answers),
            head_ms=head,
            uplink_ms=uplink,
            tail_ms=tail,
            total_ms=total,
        )
