"""Takes samples of anything that can be called again and again, by the rules of :mod:`nasc_sdk.profiling.measure`."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from nasc_sdk.profiling.samples import Samples
from nasc_sdk.profiling.speed import Speedometer

SAMPLE_NS: Final = 200_000
MAX_REPEATS: Final = 500
MAX_TRIES: Final = 4
SLOWED_TRIES: Final = 1
"""Tries of a sample beyond the first because the processor was slowed: that lasts longer than a few tries, so more of
them would only cost time."""
WARM_BELOW_NS: Final = 2_000_000

Invoke = Callable[[], object]


def warm_up(samples: Samples[Any], invoke: Invoke, runs: int) -> bool:
    """Run it a few times, which says how often a sample invokes it; whether it needs a run before each sample."""
    fastest = min(_invoke_ns(invoke) for _ in range(runs))
    samples.repeats = samples.repeats or min(max(-(-SAMPLE_NS // fastest), 1), MAX_REPEATS)
    return fastest < WARM_BELOW_NS


def take_sample(samples: Samples[Any], invoke: Invoke, *, warm: bool, speed: Speedometer, slowest_s: float) -> None:
    """One sample more; a probe that took longer than ``slowest_s`` found the processor slowed."""
    clock = time.perf_counter_ns
    repeats = range(samples.repeats)
    elapsed, probed = 0, 0.0
    before = speed.probe()
    for attempt in range(MAX_TRIES):
        if warm:
            invoke()
        preempted = _preemptions()
        started = clock()
        for _ in repeats:
            invoke()
        elapsed = clock() - started
        samples.tries_ns.append(elapsed / len(repeats))
        after = speed.probe()
        probed, before = max(before, after), after
        kept = _preemptions() == preempted
        samples.lost += not kept
        if kept and (probed <= slowest_s or attempt >= SLOWED_TRIES):
            break
    samples.samples_ns.append(elapsed / len(repeats))
    samples.probes_s.append(probed)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without the garbage collector, which would run inside a sample."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _invoke_ns(invoke: Invoke) -> int:
    started = time.perf_counter_ns()
    invoke()
    return max(time.perf_counter_ns() - started, 1)


def _preemptions() -> int:
    """How often the system took the core from this thread for another's sake; 0 where it does not say."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
