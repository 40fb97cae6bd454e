"""Speed of the processor itself, so that what is timed tells of the board and not of its other users.

A virtual machine's processors run now at full and now at two thirds of their speed, for tenths of seconds to minutes,
whatever runs on them; a hot board lowers its clock. A fixed piece of work before and after a sample shows either,
without looking at the sample.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np

SLOWED: Final = 1.2
"""A probe that takes this much longer than the fast ones found the processor slowed."""
PROBE_S: Final = 0.0003
_FAST_PERCENTILE: Final = 5.0
_KEEP: Final = 50_000
_FIRST: Final = 200


def _count(steps: int) -> None:
    """Work that any board can do, whatever it runs on."""
    total = 0
    for step in range(steps):
        total += step * step


class Speedometer:
    """Probes of one process; the fastest of them say what full speed is.

    ``work`` is what a probe does a number of times; how much slower it becomes depends on the work, so what is to be
    judged by probes is best probed by its like. ``trial`` of it are timed to find how many make a probe.
    """

    def __init__(self, work: Callable[[int], None] = _count, trial: int = 2000) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEEP)
        self._work, self._steps = work, trial
        shortest = min(self.probe() for _ in range(5))
        self._steps = max(round(trial * PROBE_S / shortest), 1)
        self._seconds.clear()
        for _ in range(_FIRST):
            self.probe()

    def probe(self) -> float:
        """Seconds that the fixed work takes now, about 0.3 ms at full speed."""
        begun = time.perf_counter()
        self._work(self._steps)
        seconds = time.perf_counter() - begun
        self._seconds.append(seconds)
        return seconds

    @property
    def fastest_s(self) -> float:
        """What a probe takes at full speed."""
        return float(np.percentile(self._seconds, _FAST_PERCENTILE))

    @property
    def slowest_s(self) -> float:
        """A probe that took longer found the processor slowed."""
        return SLOWED * self.fastest_s


@cache
def process_speed() -> Speedometer:
    """The one of this process, made at the first call: full speed is then the same in all its profiles."""
    return Speedometer()
