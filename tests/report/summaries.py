"""Summaries as a demo leaves them, of any size."""

from __future__ import annotations

import numpy as np

from nasc_sdk.profiling.profile import Conditions, Measurement, Profile, Timing, Validity
from nasc_sdk.report.summary import (
    Figure,
    FrontPoint,
    HeadCheck,
    LinkState,
    Mark,
    Origin,
    Part,
    Promise,
    Sample,
    Summary,
)

ARCH = "|none~0|+|nor_conv_3x3~0|skip_connect~1|+|nor_conv_3x3~0|skip_connect~1|nor_conv_1x1~2|"
STAND_IN = "reference kernels stand in for a small board (60-90 times slower)"


def profile(device: str, slowness: float, label: str = "", blocks: int = 50) -> Profile:
    rng = np.random.default_rng(len(device))
    found = []
    for number, median in enumerate(rng.lognormal(4, 1, blocks) * slowness):
        trouble = (Validity.DEGRADED, "noisy") if number % 17 == 16 else (Validity.VALID, "")
        timing = Timing(float(median), float(median * rng.uniform(1.0, 1.4)), float(median * 0.98), 9)
        key = f"cell|add 14x14x32*{number % 3 + 1}|conv3x3 14x14x32*1"
        found.append(Measurement(key, f"cell {number}", "14x14x32>14x14x32", timing, *trouble))
    conditions = Conditions("ai-edge-litert 2.3.0", "reference", 1, "x86_64", "Some CPU", label=label)
    return Profile(device, conditions, tuple(found), tuple(found[:3]), 1.0, 1.4)


def state(name: str = "good link", kind: str = "split", cut: int = 3, shift: float = 0.0) -> LinkState:
    front = tuple(
        FrontPoint(which, ARCH if number == 9 else f"{which} {number}", at, 0.88 + 0.004 * number, start * 1.15**number)
        for which, at, start in (("all-local", 10, 2.0), ("split", 3, 3.0 + shift), ("all-edge", 0, 1.5 + shift))
        for number in range(10)
    )
    times = {"head": 0.4, "uplink": 3.3 + shift, "tail": 0.8, "total": 4.8 + shift}
    parts = tuple(Part(part, 0.97 * ms, 1.1 * ms, ms, 1.2 * ms) for part, ms in times.items())
    told = f"chosen: {kind} at cut {cut}\nwhy it won\n- no feasible candidate of {name} is more accurate"
    return LinkState(
        name, 50.0, 2.0, ARCH, cut, kind, "b8f638063454d34a", 0.916, 1000, (1.04, 1.1), parts, 5.6 + shift, front, told
    )


def samples(count: int) -> tuple[Sample, ...]:
    rng = np.random.default_rng(5)
    total = 5 + rng.exponential(0.3, count)
    servers = (("split", "b8f638063454d34a"), ("local", "843c0d9e47683b68"))
    return tuple(Sample(43.0 + 0.01 * n, float(ms), *servers[2 * n // count]) for n, ms in enumerate(total))


def summary(
    *, promises: tuple[Promise, ...] | None = None, profiles: tuple[Profile, ...] | None = None,
    states: tuple[LinkState, ...] | None = None, timeline: tuple[Sample, ...] | None = None,
) -> Summary:  # fmt: skip
    if promises is None:
        promises = tuple(Promise(f"promise number {n}", True, f"held by {n} ms") for n in range(5))
    if profiles is None:
        profiles = (profile("board", 20, STAND_IN), profile("edge", 0.5))
    if states is None:
        states = (state(), state("worse link", "all-local", 10, shift=100.0), state("recovered link"))
    checks = tuple(
        HeadCheck(device, f"head {n}", 100.0 * (n + 1) * (1 + 0.01 * n), 100.0 * (n + 1))
        for device in ("board", "edge")
        for n in range(8)
    )
    figures = (
        Figure("agent resident memory", 74.93, "MB", Origin.MEASURED),
        Figure("total p50", 4.67, "ms", Origin.PREDICTED),
        Figure("total p50", 4.81, "ms", Origin.MEASURED),
        Figure("board energy", 1234.5, "uJ", Origin.SIMULATED),
    )
    timeline = samples(800) if timeline is None else timeline
    marks = (
        Mark(45.0, "link set to 1 Mbit/s, 60 ms"),
        Mark(45.02, "change reported"),
        Mark(45.3, "all-local serves"),
    )
    return Summary(
        "small", "x86_64, 2 cores", 1.7e9, 61.0, 6.5, 95.0, promises, figures, profiles, checks, states, timeline, marks
    )
