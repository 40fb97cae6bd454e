"""What a model takes when it runs without a pause: the first minute against steady state, from windows of time.

Steady is the last stretch of windows, ``STRETCH`` or a quarter of all when that is more, when all of these hold:
Rule 1: eight of ten window medians lie within 2 % of the stretch's median. Clocks that go up and down do not.
Rule 2: the medians' slope (Theil-Sen: that of the median pair) moves them by at most 2 % over the stretch.
Rule 3: where the system shows a temperature, it rises or falls by at most 1 °C over the stretch: a board keeps its
    speed while it heats up, until it throttles.
Rule 4: where it shows none, nothing is called steady before ``BLIND_S``, or half the limit when that is sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

STRETCH: Final = 30
WITHIN: Final = 0.02
"""Relative to the stretch's median: what medians may spread and drift by."""
WITHIN_C: Final = 1.0
BLIND_S: Final = 180.0
FIRST_S: Final = 60.0
FIRST_LEAST: Final = 10
"""Windows that stand for the beginning at least, even where they are part of the steady stretch."""
_SHARE: Final = 80.0
"""Percentage of medians that must keep ``WITHIN``: a disturbed second does not end a steady state."""


class State(StrEnum):
    """How a sustained run ended."""

    STEADY = "steady"
    """Latency and temperature settled."""
    NOT_STEADY = "not_steady"
    """The limit came first."""
    INTERRUPTED = "interrupted"
    """The user ended it; what was measured until then is kept."""


@dataclass(frozen=True, slots=True)
class Window:
    """Invocations of a short time, back to back."""

    started_s: float
    """Since the run began."""
    duration_s: float
    runs: int
    median_us: float
    p95_us: float
    temperature_c: float = 0.0
    """At the window's end, like the frequency; 0 where the system does not show it."""
    frequency_mhz: float = 0.0

    @property
    def ended_s(self) -> float:
        """Since the run began."""
        return self.started_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Part:
    """Some windows in a row: medians over windows, of their medians and of their p95."""

    windows: int
    started_s: float
    ended_s: float
    median_us: float
    p95_us: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The beginning of a run against its end."""

    state: State
    first: Part
    """The first minute; less of it where the run was over or steady sooner."""
    last: Part
    """Steady state; where there is none, the last windows."""
    ratio: float
    """Median of the last part by that of the first: 1.3 where heat costs 30 %."""
    steady_after_s: float | None
    """When the steady stretch began; None without one."""
    duration_s: float


def is_steady(windows: Sequence[Window], least_s: float = 0.0) -> bool:
    """Whether the last stretch of windows is steady, and at least ``least_s`` have passed."""
    if len(windows) < STRETCH or windows[-1].ended_s < least_s:
        return False
    stretch = windows[-_stretch(windows) :]
    medians = np.array([window.median_us for window in stretch])
    middle = float(np.median(medians))
    spread = float(np.percentile(np.abs(medians - middle), _SHARE))
    temperatures = [window.temperature_c for window in stretch]
    cool = 0.0 in temperatures or abs(_moved(temperatures)) <= WITHIN_C
    return bool(cool and spread <= WITHIN * middle and abs(_moved(medians)) <= WITHIN * middle)


def least_seconds(windows: Sequence[Window], limit_s: float) -> float:
    """How long a run lasts at least: rule 4."""
    shown = bool(windows) and windows[-1].temperature_c > 0
    return 0.0 if shown else min(BLIND_S, limit_s / 2)


def compare(windows: Sequence[Window], state: State) -> Comparison:
    """Beginning against end of at least one window."""
    assert windows, "a run without windows has nothing to compare"
    last = windows[-_stretch(windows) :]
    before = max(len(windows) - len(last), FIRST_LEAST)
    minute = [window for window in windows if window.started_s < FIRST_S]
    first, end = _part(minute[:before]), _part(last)
    return Comparison(
        state=state,
        first=first,
        last=end,
        ratio=end.median_us / first.median_us,
        steady_after_s=end.started_s if state is State.STEADY else None,
        duration_s=windows[-1].ended_s,
    )


def describe(found: Comparison) -> str:
    """Text: both parts, their ratio, when it became steady or that it did not."""
    first, last = found.first, found.last
    begun = "minute 1" if first.ended_s >= FIRST_S else f"first {first.ended_s:.3g} s (not a whole minute)"
    steady = found.state is State.STEADY
    ended = "steady state" if steady else f"last {last.ended_s - last.started_s:.3g} s"
    width = max(len(begun), len(ended))
    lines = [f"{name:{width}}  {_figures(part)}" for name, part in ((begun, first), (ended, last))]
    lines.append(f"{ended} against {begun}: {found.ratio:.3f} times")
    if first.ended_s > last.started_s:
        lines.append("the two overlap: the run was too short to tell them apart")
    match found.state:
        case State.STEADY:
            lines.append(f"steady after {found.steady_after_s:.3g} s, seen after {found.duration_s:.3g} s")
        case State.NOT_STEADY:
            lines.append(f"not steady after {found.duration_s:.3g} s")
        case State.INTERRUPTED:
            lines.append(f"interrupted, not steady after {found.duration_s:.3g} s")
    return "\n".join(lines)


def _stretch(windows: Sequence[Window]) -> int:
    """Windows that are looked at: the longer a run took to settle, the longer it must have."""
    return max(STRETCH, len(windows) // 4)


def _figures(part: Part) -> str:
    windows = f"{part.windows} window{'s' * (part.windows != 1)}"
    return f"median {part.median_us:.1f} us  p95 {part.p95_us:.1f} us  {windows}"


def _part(windows: Sequence[Window]) -> Part:
    return Part(
        windows=len(windows),
        started_s=windows[0].started_s,
        ended_s=windows[-1].ended_s,
        median_us=float(np.median([window.median_us for window in windows])),
        p95_us=float(np.median([window.p95_us for window in windows])),
    )


def _moved(values: ArrayLike) -> float:
    """What the Theil-Sen slope makes over all values."""
    array: NDArray[np.float64] = np.asarray(values, np.float64)
    earlier, later = np.triu_indices(array.size, 1)
    return float(np.median((array[later] - array[earlier]) / (later - earlier))) * (array.size - 1)
