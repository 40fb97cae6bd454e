"""Measures what a board takes while it waits and while it computes.

Rule 1: an interval lasts ``INTERVAL_S``, or as long as the sensor needs for ``READINGS`` readings if that is longer;
    ``SETTLE_S`` before it does not count: the clock goes up first, and chips average over the past.
Rule 2: readings are taken at a fixed rate, the sensor's ``period_s``. One that takes longer skips those it missed.
Rule 3: an interval with fewer than ``FEWEST`` readings tells nothing, and one with more unreadable than read ones
    neither: then the profile has no power and says why.
Rule 4: power is measured apart from latency: readings would disturb what is timed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from nasc_sdk.profiling.power import Sensor
from nasc_sdk.profiling.profile import Power, PowerOrigin

INTERVAL_S: Final = 2.0
SETTLE_S: Final = 0.5
READINGS: Final = 20
FEWEST: Final = 5
_NAP_S: Final = 0.05

Work = Callable[[], object]
"""A piece of what the board does meanwhile, a fraction of a second."""


@dataclass(slots=True)
class Draw:
    """Readings of one interval, watts."""

    watts: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def problem(self) -> str:
        """Why these readings tell nothing; empty where they do."""
        if self.failed > len(self.watts):
            return f"{self.failed} of {self.failed + len(self.watts)} readings failed"
        return f"only {len(self.watts)} readings" if len(self.watts) < FEWEST else ""


def observe(sensor: Sensor, work: Work, *, interval_s: float = INTERVAL_S, settle_s: float = SETTLE_S) -> Draw:
    """Do ``work`` again and again and read the sensor beside it, in a thread; whatever ``work`` raises is raised.

    A sensor that hangs does not hold this up: its thread is left behind, and ends after that reading.
    """
    draw, stop = Draw(), threading.Event()
    seconds = settle_s + max(interval_s, READINGS * sensor.period_s)
    reader = threading.Thread(target=_read, args=(sensor, draw, stop, settle_s, seconds), name="power", daemon=True)
    ends = time.monotonic() + seconds
    reader.start()
    try:
        while time.monotonic() < ends:
            work()
    finally:
        stop.set()
    reader.join(sensor.period_s)
    return Draw(list(draw.watts), draw.failed)


def nap() -> None:
    """The work of a board that waits."""
    time.sleep(_NAP_S)


def power_of(sensor: Sensor, idle: Draw, busy: Draw) -> tuple[Power | None, tuple[str, ...]]:
    """Means of both intervals, with a note when they are no use or hardly differ."""
    for name, draw in (("idle", idle), ("busy", busy)):
        if draw.problem:
            return None, (f"power was not measured: {draw.problem} of {sensor.name} while {name}",)
    power = Power(fmean(idle.watts), fmean(busy.watts), sensor.name, len(busy.watts), PowerOrigin.MEASURED)
    if power.busy_w <= power.idle_w:
        return power, (f"{sensor.name} shows no more power while computing than while idle: does it feed the board?",)
    return power, ()


def _read(sensor: Sensor, draw: Draw, stop: threading.Event, settle_s: float, seconds: float) -> None:
    begun = time.monotonic()
    at = begun + settle_s
    # The end is this thread's own too: whatever happens to the other one, it does not read for ever.
    while at <= begun + seconds and not stop.wait(max(at - time.monotonic(), 0.0)):
        watts = sensor.read_watts()
        if stop.is_set():
            return
        if watts is None:
            draw.failed += 1
        else:
            draw.watts.append(watts)
        late = max(time.monotonic() - at, 0.0)
        at += sensor.period_s * (1 + late // sensor.period_s)
