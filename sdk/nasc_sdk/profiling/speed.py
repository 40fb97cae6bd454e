"""Speed of the processor itself, so that what is timed tells of the board and not of its other users.

A virtual machine's processors run now at full and now at two thirds of their speed, for tenths of seconds to minutes,
whatever runs on them; a hot board lowers its clock. A fixed piece of work before and after a sample shows either,
without looking at the sample.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

SLOWED: Final = 1.2
"""A probe that takes this much longer than the fast ones found the processor slowed."""
PROBE_S: Final = 0.0003
_TRIAL_STEPS: Final = 2000
_FAST_PERCENTILE: Final = 5.0
_KEEP: Final = 50_000
_FIRST: Final = 200


class Speedometer:
    """Probes of one process; the fastest of them say what full speed is."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEEP)
        self._steps = _TRIAL_STEPS
        trial = min(self.probe() for _ in range(5))
        self._steps = max(round(_TRIAL_STEPS * PROBE_S / trial), 1)
        self._seconds.clear()
        for _ in range(_FIRST):
            self.probe()

    def probe(self) -> float:
        """Seconds that the fixed work takes now, about 0.3 ms at full speed."""
        begun = time.perf_counter()
        total = 0
        for step in range(self._steps):
            total += step * step
        seconds = time.perf_counter() - begun
        self._seconds.append(seconds)
        return seconds

    def at_full_speed(self, probes: Sequence[float]) -> NDArray[np.bool_]:
        """For each step between two neighbouring probes whether both found full speed: one less than probes."""
        found = np.asarray(probes) <= self.slowest_s
        return np.asarray(found[:-1] & found[1:])

    @property
    def slowest_s(self) -> float:
        """A probe that took longer found the processor slowed."""
        return float(SLOWED * np.percentile(self._seconds, _FAST_PERCENTILE))


@cache
def process_speed() -> Speedometer:
    """The one of this process, made at the first call: full speed is then the same in all its profiles."""
    return Speedometer()
