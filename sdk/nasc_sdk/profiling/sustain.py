"""``nasc-sdk profile --model --sustained``: runs a model on this machine without a pause until it is steady."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.profiling.conditions import conditions_after, governor_note, read_conditions
from nasc_sdk.profiling.local import DEVICE, THREADS, open_model
from nasc_sdk.profiling.profile import Conditions
from nasc_sdk.profiling.sustained import Comparison, State, Window, compare, describe, is_steady, least_seconds
from nasc_sdk.profiling.sysfs import ROOT, frequency_mhz, temperature_c
from nasc_sdk.profiling.table import format_conditions
from nasc_sdk.profiling.throttling import ThrottleWatch, throttling_now
from nasc_sdk.runtime.base import Kernels

WINDOW_S: Final = 1.0
LIMIT_S: Final = 600.0
_WARMUP: Final = 2

Progress = Callable[[int, int, str], None]
"""seconds so far, limit in seconds, what was found; called between windows."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The machine at one moment; 0 and empty where the system does not show it."""

    temperature_c: float
    frequency_mhz: float
    """At the end of the first or the last window: before the run the processor idles."""
    throttling: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sustained:
    """Document of ``profile --sustained``: all figures measured, times in microseconds unless their name says."""

    device: str
    model: str
    conditions: Conditions
    """Of the whole run: its ``throttling`` holds all that showed."""
    comparison: Comparison
    start: Moment
    end: Moment
    windows: tuple[Window, ...]
    notes: tuple[str, ...]


class Recorder:
    """Windows of one run, kept whatever ends it."""

    def __init__(self, root: Path = ROOT, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        """``clock`` gives nanoseconds."""
        self._root, self._clock = root, clock
        self._throttling = ThrottleWatch(root)
        self.flags: frozenset[str] = frozenset()
        self.windows: list[Window] = []

    def run(
        self, invoke: Callable[[], None], limit_s: float, window_s: float, progress: Progress | None = None
    ) -> State:
        """Invoke until steady, until no window begins within the limit, or until Ctrl-C."""
        begun = self._clock()
        try:
            while (started_s := (self._clock() - begun) / 1e9) < limit_s:
                self._window(invoke, started_s, window_s)
                if progress:
                    last = self.windows[-1]
                    progress(round(last.ended_s), round(limit_s), f"{last.median_us:.1f} us")
                if is_steady(self.windows, least_seconds(self.windows, limit_s)):
                    return State.STEADY
        except KeyboardInterrupt:
            return State.INTERRUPTED
        return State.NOT_STEADY

    def _window(self, invoke: Callable[[], None], started_s: float, window_s: float) -> None:
        clock, taken_ns = self._clock, []
        first = before = clock()
        end = first + round(window_s * 1e9)
        while before < end:
            invoke()
            now = clock()
            taken_ns.append(now - before)
            before = now
        median, p95 = np.percentile(np.asarray(taken_ns) / 1000, (50, 95)).tolist()
        celsius, mhz = temperature_c(self._root), frequency_mhz(self._root)
        self.flags = self._throttling.look()
        self.windows.append(Window(started_s, (before - first) / 1e9, len(taken_ns), median, p95, celsius, mhz))


def sustain(
    model_path: Path,
    input_path: Path | None = None,
    *,
    limit_s: float = LIMIT_S,
    window_s: float = WINDOW_S,
    runtime_name: str = "auto",
    kernels: Kernels = Kernels.XNNPACK,
    progress: Progress | None = None,
    root: Path = ROOT,
) -> Sustained:
    """Run a model back to back until it is steady, at most ``limit_s`` and the window that is under way then.

    Ctrl-C ends it, and what was measured is returned; before the first window is full it is a KeyboardInterrupt.
    Raises InputError, RuntimeUnavailableError.
    """
    if not (limit_s > 0 and window_s > 0):
        raise InputError("a sustained run needs a limit and windows longer than nothing")
    opened = open_model(model_path, input_path, runtime_name=runtime_name, kernels=kernels)
    before = read_conditions(opened.runtime, kernels, THREADS, root=root)
    session = opened.session
    session.feed(opened.array)
    for _ in range(_WARMUP):
        session.invoke()
    recorder = Recorder(root)
    state = recorder.run(session.invoke, limit_s, window_s, progress)
    if not recorder.windows:
        raise KeyboardInterrupt
    windows = tuple(recorder.windows)
    first, last = windows[0], windows[-1]
    return Sustained(
        device=DEVICE,
        model=model_path.name,
        conditions=conditions_after(before, recorder.flags, root),
        comparison=compare(windows, state),
        start=Moment(before.temperature_c, first.frequency_mhz, before.throttling),
        end=Moment(last.temperature_c, last.frequency_mhz, throttling_now(root)),
        windows=windows,
        notes=(opened.note, *_notes(before, least_seconds(windows, limit_s))),
    )


def format_sustained(found: Sustained) -> str:
    """Conditions, the beginning against the end, the machine at both, notes."""
    parts = [f"{found.device}: {found.model}, without a pause: {format_conditions(found.conditions)}"]
    parts.append(describe(found.comparison))
    parts.append(f"at the start: {_state(found.start)}\nat the end:   {_state(found.end)}")
    parts.append("\n".join(f"note: {note}" for note in found.notes))
    return "\n\n".join(parts)


def _notes(conditions: Conditions, least_s: float) -> tuple[str, ...]:
    blind = f"the system shows no temperature: latency alone decided, after {least_s:.3g} s at least"
    return tuple(filter(None, (blind if least_s else "", governor_note(conditions.governor))))


def _state(moment: Moment) -> str:
    shown = [
        f"{moment.temperature_c:.1f} °C" if moment.temperature_c else "temperature not shown",
        f"{moment.frequency_mhz:.0f} MHz" if moment.frequency_mhz else "frequency not shown",
        f"throttling: {', '.join(moment.throttling)}" if moment.throttling else "no throttling shown",
    ]
    return "; ".join(shown)
