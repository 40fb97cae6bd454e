"""Speed of the processor itself, so that a prediction is held against a machine and not against its other users.

A virtual machine's processors run now at full and now at two thirds of their speed, for tenths of seconds to minutes,
whatever runs on them. A fixed piece of work before and after a request shows it, without looking at the request.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SLOWED: Final = 1.2
"""A probe that takes this much longer than the fast ones found the processor slowed."""
_STEPS: Final = 8000
_FAST_PERCENTILE: Final = 5.0
_KEEP: Final = 50_000
_FIRST: Final = 200


class Speedometer:
    """Probes of one run; the fastest of them say what full speed is."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEEP)
        for _ in range(_FIRST):
            self.probe()

    def probe(self) -> float:
        """Seconds that the fixed work takes now, about 0.3 ms."""
        begun = time.perf_counter()
        total = 0
        for step in range(_STEPS):
            total += step * step
        seconds = time.perf_counter() - begun
        self._seconds.append(seconds)
        return seconds

    def at_full_speed(self, probes: Sequence[float]) -> NDArray[np.bool_]:
        """For each step between two neighbouring probes whether both found full speed: one less than probes."""
        fast = np.percentile(self._seconds, _FAST_PERCENTILE)
        found = np.asarray(probes) <= SLOWED * fast
        return np.asarray(found[:-1] & found[1:])
