"""Times a plan's units on this machine.

Rule 1: rounds are interleaved. Every unit of a batch is timed once a round, in an order shuffled anew, so
    that a slow moment of the machine falls on all units and not on one.
Rule 2: a sample lasts at least ``SAMPLE_NS``: fast units are invoked several times and their mean is one
    sample. So the p95 of a fast unit is that of short bursts, not of single invocations.
Rule 3: units run on the plan's activations, never on zeros: latency depends on the data.
Rule 4: a sample during which the system gave the core to somebody else is taken again, a few times: it tells
    of the other process. On a machine that is busy all the time the last try counts, and shows as noise. The p95
    is that of all tries: a request in service is not taken again.
Rule 5: a plan that does not fit the memory budget is timed in batches, one after the other, and all of them several
    times over: a slow minute of the machine then falls on a part of each unit's samples, and medians forget it.
Rule 6: whole heads are timed ``WHOLE_TIMES`` as often as blocks: errors of many blocks average out in a fit, the
    few heads stand for themselves.
Rule 7: a fast unit is invoked once, untimed, before each sample: caches hold what the unit before it left.
Rule 8: a fixed piece of work is timed before and after each sample. Samples during which the processor was slowed,
    by other users of a virtual machine or by heat, are taken again, once, and left out of the median as long as
    enough others are there; a unit that has too few at full speed is ``slowed``.
Rule 9: power, where there is a sensor, is that of the idle board before anything is loaded, and that of whole heads one
    after the other after everything is timed (:mod:`nasc_sdk.profiling.draw`).
Rule 10: packing and entropy coding are timed after models, in rounds of their own (:mod:`nasc_sdk.profiling.coding`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError, StoppedError
from nasc_sdk.profiling.coding import Direction, measure_coding
from nasc_sdk.profiling.conditions import conditions_after, governor_note, read_conditions
from nasc_sdk.profiling.draw import Draw, nap, observe, power_of
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.profiling.power import Sensor
from nasc_sdk.profiling.profile import Measurement, Power, Profile
from nasc_sdk.profiling.samples import Samples, disturbed, measurement
from nasc_sdk.profiling.sampling import take_sample, undisturbed, warm_up
from nasc_sdk.profiling.speed import Speedometer
from nasc_sdk.profiling.sysfs import ROOT
from nasc_sdk.profiling.throttling import Flag, ThrottleWatch
from nasc_sdk.runtime.base import Kernels, Runtime, Session

MEMORY_BUDGET_BYTES: Final = 96 << 20
PASSES: Final = 3
WHOLE_TIMES: Final = 3
_SEED: Final = 20
# A session's overhead besides weights and activations, measured at 0.3 MB on both runtimes, rounded up.
_SESSION_BYTES: Final = 1 << 20
_TURN_S: Final = 0.05

Progress = Callable[[int, int, str], None]
"""done, total, label; called between rounds, never while something is timed."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit that is loaded."""

    samples: Samples[PlanItem]
    session: Session
    warm: bool


@dataclass(frozen=True, slots=True)
class _Run:
    runtime: Runtime
    kernels: Kernels
    threads: int
    rounds: int
    warmup: int
    tick: Callable[[int, str], None]
    rng: np.random.Generator
    speed: Speedometer
    root: Path


def measure(
    plan: ProfilePlan, runtime: Runtime, kernels: Kernels, *, device: str,
    rounds: int = 9, warmup: int = 2, threads: int = 1,
    progress: Progress | None = None, should_stop: Callable[[], bool] | None = None,
    per_op: bool = False, label: str = "", memory_budget_bytes: int = MEMORY_BUDGET_BYTES,
    speed: Speedometer | None = None, sensor: Sensor | None = None, direction: Direction | None = None,
    root: Path = ROOT,
) -> Profile:  # fmt: skip
    """Time every unit of the plan, in microseconds, in the plan's order; with a sensor, power as well.

    With a ``direction`` also what the device does to the plan's payloads, whatever runtime and kernels are.

    ``root`` is where /proc and /sys are. A process that profiles again and again hands in its ``speed``
    (:func:`nasc_sdk.profiling.speed.process_speed`), so that full speed is the same in all profiles. Plans of
    unknown origin go through :func:`nasc_sdk.runtime.check.check_models` first. Raises InputError when a unit
    cannot be loaded or fed, StoppedError soon after ``should_stop`` returned true.
    """
    if rounds < 1 or not plan.items:
        raise InputError("a profile needs at least one round and one unit")
    groups = batches(plan.items, memory_budget_bytes)
    shares = _shares(rounds, PASSES if len(groups) > 1 else 1)
    total, done = len(plan.items) * (rounds + len(shares)), 0

    def tick(units: int, what: str) -> None:
        nonlocal done
        done += units
        if progress:
            progress(done, total, what)
        if should_stop and should_stop():
            raise StoppedError(f"profiling was stopped after {done} of {total} steps")

    rng = np.random.default_rng(_SEED)
    run = _Run(runtime, kernels, threads, rounds, warmup, tick, rng, speed or Speedometer(), root)
    conditions = read_conditions(runtime, kernels, threads, label=label, root=root)
    started_unix_s, started = time.time(), time.monotonic()
    idle = _idle(run, sensor)
    units = _timed(run, groups, shares)
    conditions = conditions_after(conditions, frozenset[Flag]().union(*(unit.flags for unit in units)), root)
    measured, more = _measurements(run, plan, units, per_op)
    coding = _coding(run, plan.payloads, direction)
    power, unmeasured = _busy(run, plan, sensor, idle, memory_budget_bytes)
    notes = (*disturbed(units), *filter(None, [governor_note(conditions.governor)]), *more, *unmeasured)
    pairs = list(zip(plan.items, measured, strict=True))
    return Profile(
        device=device,
        conditions=conditions,
        blocks=tuple(found for item, found in pairs if not item.whole),
        heads=tuple(found for item, found in pairs if item.whole),
        started_unix_s=started_unix_s,
        duration_s=time.monotonic() - started,
        notes=notes,
        power=power,
        coding=coding,
    )


def batches(items: Sequence[PlanItem], budget_bytes: int) -> list[list[PlanItem]]:
    """Split into runs that fit the memory budget together; a unit over the budget is alone."""
    result: list[list[PlanItem]] = []
    used = 0
    for item in items:
        need = _SESSION_BYTES + 2 * len(item.model) + 8 * len(item.input)
        if not result or used + need > budget_bytes:
            result.append([])
            used = 0
        result[-1].append(item)
        used += need
    return result


def _shares(rounds: int, passes: int) -> list[int]:
    """Rounds of each pass."""
    passes = min(passes, rounds)
    return [rounds // passes + (number < rounds % passes) for number in range(passes)]


def _timed(run: _Run, groups: Sequence[Sequence[PlanItem]], shares: Sequence[int]) -> list[Samples[PlanItem]]:
    """All units with their samples, in the plan's order."""
    samples = [[Samples(item) for item in group] for group in groups]
    for share in shares:
        for batch in samples:
            _sample_batch(run, batch, share)
    return [unit for batch in samples for unit in batch]


def _sample_batch(run: _Run, batch: Sequence[Samples[PlanItem]], rounds: int) -> None:
    """Load the units, time them for some rounds, and let them go."""
    units = []
    for samples in batch:
        units.append(_load(run, samples))
        run.tick(1, samples.item.title)
    turns = np.repeat(np.arange(len(units)), [WHOLE_TIMES if unit.samples.item.whole else 1 for unit in units])
    watch = ThrottleWatch(run.root)
    flags: frozenset[Flag] = frozenset()
    for _ in range(rounds):
        slowest_s = run.speed.slowest_s
        with undisturbed():
            for index in run.rng.permutation(turns):
                unit = units[index]
                take_sample(
                    unit.samples, unit.session.invoke, warm=unit.warm, speed=run.speed, slowest_s=slowest_s
                )
        flags = watch.look()
        run.tick(len(units), "timing")
    for unit in units:
        unit.samples.flags |= flags
        unit.samples.output_sha256 = _digest(unit.session)


def _load(run: _Run, samples: Samples[PlanItem]) -> _Unit:
    item = samples.item
    session = run.runtime.load(item.model, kernels=run.kernels, threads=run.threads, name=item.key)
    info = session.inputs[0]
    if info.dtype != item.dtype or info.nbytes != len(item.input):
        raise InputError(
            f"{item.key}: the model takes {info}, the plan brings {len(item.input)} bytes of {item.dtype}"
        )
    session.feed(np.frombuffer(item.input, item.dtype).reshape(info.shape))
    # Loaded again, in another pass, one run is enough to warm up.
    return _Unit(samples, session, warm_up(samples, session.invoke, 1 if samples.repeats else run.warmup + 1))


def _digest(session: Session) -> str:
    digest = hashlib.sha256()
    for index in range(len(session.outputs)):
        digest.update(session.fetch(index).tobytes())
    return digest.hexdigest()


def _measurements(
    run: _Run, plan: ProfilePlan, units: Sequence[Samples[PlanItem]], per_op: bool
) -> tuple[list[Measurement], tuple[str, ...]]:
    """In the plan's order, and notes on their operators."""
    slowest_s = run.speed.slowest_s
    measured = [measurement(unit, slowest_s, _resolution_ns()) for unit in units]
    return _with_operators(run, plan, measured) if per_op else (measured, ())


def _coding(run: _Run, payloads: Sequence[bytes], direction: Direction | None) -> tuple[Measurement, ...]:
    if direction is None or not payloads:
        return ()
    run.tick(0, "packing and entropy coding")
    return measure_coding(payloads, direction, run.rounds, run.speed, run.rng, _resolution_ns())


def _resolution_ns() -> float:
    """A step of the clock."""
    return 1e9 * time.get_clock_info("perf_counter").resolution


def _with_operators(
    run: _Run, plan: ProfilePlan, measured: list[Measurement]
) -> tuple[list[Measurement], tuple[str, ...]]:
    from nasc_sdk.profiling.operators import profile_operators

    result: list[Measurement] = []
    notes: list[str] = []
    for item, found in zip(plan.items, measured, strict=True):
        run.tick(0, f"operators of {item.title}")
        report = profile_operators(
            item.model,
            item.input,
            runtime=run.runtime,
            kernels=run.kernels,
            threads=run.threads,
            rounds=run.rounds,
        )
        result.append(replace(found, ops=report.ops))
        if report.reason and report.reason not in notes:
            notes.append(report.reason)
    return result, tuple(notes)


def _idle(run: _Run, sensor: Sensor | None) -> Draw | None:
    def work() -> None:
        run.tick(0, "idle power")
        nap()

    return None if sensor is None else observe(sensor, work)


def _busy(
    run: _Run, plan: ProfilePlan, sensor: Sensor | None, idle: Draw | None, budget_bytes: int
) -> tuple[Power | None, tuple[str, ...]]:
    """Whole heads in turns, blocks where the plan has none; as many as fit the memory budget together."""
    if sensor is None or idle is None:
        return None, ()
    items = [item for item in plan.items if item.whole] or plan.items
    units = cycle([_load(run, Samples(item)) for item in batches(items, budget_bytes)[0]])

    def work() -> None:
        run.tick(0, "busy power")
        # Progress is told now and then only: telling it is no work of a network.
        ends = time.monotonic() + _TURN_S
        while time.monotonic() < ends:
            next(units).session.invoke()

    return power_of(sensor, idle, observe(sensor, work))
