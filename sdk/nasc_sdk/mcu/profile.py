"""``nasc-sdk profile --board``: any int8 model on a microcontroller, whole and operator by operator, as a Profile."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from nasc_sdk.mcu.plan import FIRMWARE, Plan, golden_input
from nasc_sdk.mcu.session import BoardSession, Counts
from nasc_sdk.profiling.profile import Conditions, Measurement, OpTiming, Profile, TimeUnit, Timing
from nasc_sdk.runtime.arrays import read_bytes

Progress = Callable[[int, int], None]
HOOKS: Final = "measuring"
"""The row of what reading the clock before and after each operator takes."""


@dataclass(frozen=True, slots=True)
class BoardOperator:
    """One operator of a profile, with what its time goes into."""

    name: str
    operator: str
    shapes: str
    macs: int
    count: float
    """Median of the repeats, in ``unit``, as are the other two."""
    minimum: float
    maximum: float
    unit: TimeUnit


@dataclass(frozen=True, slots=True)
class BoardProfile:
    """A Profile, and what only a microcontroller's says."""

    profile: Profile
    operators: tuple[BoardOperator, ...]
    macs: int
    plan_bytes: int
    arena_bytes: int
    """What the plan needs; ``arena_used_bytes`` were written."""
    arena_used_bytes: int
    exact: bool
    """Whether the output is that of TFLite's reference kernels, byte by byte."""


def profile_on_board(
    session: BoardSession, model_path: Path, repeats: int, progress: Progress | None = None
) -> BoardProfile:
    """Bring a model, run its golden input, then time it. A head that the board keeps runs again after its next reset.

    Raises InputError, and all that :class:`BoardSession` does.
    """
    data = read_bytes(model_path)
    compiled = session.compile(data, model_path.name)
    session.bring(compiled)
    plan = compiled.plan
    answer = _golden_answer(session, plan)
    runs = session.profile(repeats, progress)
    used = max(run.arena_used_bytes for run in runs)
    exact = zlib.crc32(answer) == plan.golden_crc32
    head = _measurement(data, model_path.name, plan, runs, answer)
    profile = Profile(session.board.name, _conditions(session), (), (head,), notes=_notes(session, plan, runs, exact))
    operators, size = operators_of(session, plan, runs), len(compiled.packed)
    return BoardProfile(profile, operators, plan.macs, size, plan.arena_bytes, used, exact)


def profile_present(session: BoardSession, repeats: int, progress: Progress | None = None) -> Profile:
    """The head that the board runs, whoever brought it: what its operators write, and their counts."""
    names, runs = session.use_present(), session.profile(repeats, progress)
    ops = _rows([("operator", name) for name in names], runs)
    head = Measurement("present", "present head", "", _timing([run.whole for run in runs]), ops=ops)
    return Profile(session.board.name, _conditions(session), (), (head,))


def operators_of(session: BoardSession, plan: Plan, runs: Sequence[Counts]) -> tuple[BoardOperator, ...]:
    """Each operator of a plan, with its counts."""
    unit, counted = session.counter.unit, zip(*(run.operators for run in runs), strict=True)
    found = []
    for operator, counts in zip(plan.operators, counted, strict=True):
        spread = float(median(counts)), min(counts), max(counts)
        found.append(BoardOperator(operator.name, *_kind_and_shape(operator.title), operator.macs, *spread, unit))
    return tuple(found)


def _golden_answer(session: BoardSession, plan: Plan) -> bytes:
    return session.infer(golden_input(int(np.prod(plan.input_shape))).tobytes())[1]


def _measurement(data: bytes, title: str, plan: Plan, runs: Sequence[Counts], answer: bytes) -> Measurement:
    return Measurement(
        f"model:{hashlib.sha256(data).hexdigest()[:16]}",
        title,
        "x".join(map(str, plan.input_shape)),
        _timing([run.whole for run in runs]),
        ops=_rows([_kind_and_shape(operator.title) for operator in plan.operators], runs),
        output_sha256=hashlib.sha256(answer).hexdigest(),
    )


def _rows(labels: Sequence[tuple[str, str]], runs: Sequence[Counts]) -> tuple[OpTiming, ...]:
    """One a labelled operator, and what measuring them takes."""
    timings = [*_timings([run.operators for run in runs]), _timing([len(run.operators) * run.hooks for run in runs])]
    named = zip((*labels, (HOOKS, "")), timings, strict=True)
    return tuple(OpTiming(index, *label, timing) for index, (label, timing) in enumerate(named))


def _kind_and_shape(title: str) -> tuple[str, str]:
    kind, _, shapes = title.partition(" ")
    return kind, shapes


def _timings(runs: Sequence[Sequence[float]]) -> list[Timing]:
    return [_timing(of_one) for of_one in zip(*runs, strict=True)]


def _timing(values: Sequence[float]) -> Timing:
    p95 = float(np.percentile(values, 95))
    return Timing(float(median(values)), p95, float(min(values)), len(values), float(max(values)))


def _conditions(session: BoardSession) -> Conditions:
    hello = session.hello
    label = "emulated: instructions, never milliseconds" if session.emulated else ""
    return Conditions(
        runtime=f"{FIRMWARE} {hello.firmware_version}",
        kernels=hello.kernels,
        threads=1,
        machine=hello.board,
        processor=hello.core,
        frequency_mhz=hello.clock_hz / 1e6,
        time_source=hello.time_source,
        unit=session.counter.unit,
        label=label,
    )


def _notes(session: BoardSession, plan: Plan, runs: Sequence[Counts], exact: bool) -> tuple[str, ...]:
    unit = session.counter.unit.value
    parts = median(sum(run.operators) + len(run.operators) * run.hooks for run in runs)
    whole = median(run.whole for run in runs)
    used = max(run.arena_used_bytes for run in runs)
    share = f"{100 * parts / whole:.2f} %"
    planned = f"{plan.arena_bytes} planned (no plan needs less than {plan.lower_bound_bytes})"
    same = "the same bytes as" if exact else "NOT the bytes of"
    return (
        f"operators and measuring add up to {parts:.0f} {unit}, a whole run took {whole:.0f} ({share})",
        f"arena: {used} bytes were written of {planned}; the board has {session.hello.arena_bytes}",
        f"output for the golden input: {same} TFLite's reference kernels on this machine",
    )
