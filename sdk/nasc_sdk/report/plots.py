"""Plots of a demo: what each shows, as inline SVG (:mod:`nasc_sdk.report.figure`)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from nasc_sdk.profiling.profile import Measurement, Profile, Validity
from nasc_sdk.report.figure import (
    EDGE,
    FALLBACK,
    INK,
    LIMIT,
    LOCAL,
    MEASURED,
    MUTED,
    PAGE,
    PREDICTED,
    SPLIT,
    finite,
    grid,
    legend_below,
    log_scale,
    plain,
    positive,
    svg,
)
from nasc_sdk.report.summary import FrontPoint, HeadCheck, LinkState, Mark, Sample

MAX_POINTS: Final = 3000
MAX_BARS: Final = 40
_KINDS: Final = (("all-local", LOCAL, "o"), ("split", SPLIT, "s"), ("all-edge", EDGE, "^"))
_SERVERS: Final = {"local": LOCAL, "split": SPLIT, "edge": EDGE, "fallback": FALLBACK}
_MARKERS: Final = "osDv^P"


def blocks(profile: Profile) -> str:
    """Latency of each timed block, largest share first; whiskers reach p95."""
    total = math.fsum(finite(block.timing.median) for block in profile.blocks)
    shown = sorted(profile.blocks, key=lambda block: -finite(block.timing.median))[:MAX_BARS]
    unit = profile.conditions.unit.value

    def paint(figure: Any) -> None:
        axis = figure.add_subplot()
        medians = [finite(block.timing.median) for block in shown]
        whiskers = [max(finite(b.timing.p95) - m, 0.0) for b, m in zip(shown, medians, strict=True)]
        colours = [MEASURED if block.validity is Validity.VALID else MUTED for block in shown]
        rows = range(len(shown))
        axis.barh(rows, medians, 0.72, color=colours)
        axis.errorbar(medians, rows, xerr=[[0.0] * len(shown), whiskers], fmt="none", ecolor=INK, elinewidth=0.8,
                      capsize=1.8)  # fmt: skip
        for row, (median, whisker) in enumerate(zip(medians, whiskers, strict=True)):
            share = f"{100 * median / total:.1f} %" if total else ""
            axis.annotate(share, (median + whisker, row), (4, 0), textcoords="offset points", va="center",
                          fontsize=7, color=MUTED)  # fmt: skip
        axis.set_yticks(rows, [plain(_block_label(block)) for block in shown], fontsize=7)
        axis.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        axis.margins(x=0.08)
        axis.set_xlim(left=0)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(f"median latency, whisker to p95 ({unit}, measured)")
        axis.set_ylabel("block: operators, shape")
        axis.set_title(plain(f"{profile.device}: {len(shown)} of {len(profile.blocks)} timed blocks, with share"))

    return svg(f"per-block latency of {profile.device}", (9.6, 1.2 + 0.19 * max(len(shown), 4)), paint)


def fronts(states: Sequence[LinkState], limit_ms: float, percentile: float) -> str:
    """Accuracy against latency of the best candidates of each kind, one axis per link state; predicted."""

    def paint(figure: Any) -> None:
        for axis, state in zip(grid(figure, len(states), 2), states, strict=True):
            _paint_front(axis, state, limit_ms, percentile)
        legend_below(figure)

    return svg("accuracy against latency", (9.6, 0.3 + 3.7 * math.ceil(len(states) / 2)), paint)


def parts(states: Sequence[LinkState]) -> str:
    """Predicted against measured for head, uplink, tail and total, one axis per link state."""

    def paint(figure: Any) -> None:
        for axis, state in zip(grid(figure, len(states), 3), states, strict=True):
            places = range(len(state.parts))
            sides = (
                (-0.2, PREDICTED, "predicted", [(part.predicted_p50, part.predicted_p95) for part in state.parts]),
                (0.2, MEASURED, "measured", [(part.measured_p50, part.measured_p95) for part in state.parts]),
            )
            for shift, colour, label, times in sides:
                at = [place + shift for place in places]
                axis.bar(at, [finite(p95) for _, p95 in times], 0.36, color=colour, alpha=0.3, label=f"{label} p95")
                axis.bar(at, [finite(p50) for p50, _ in times], 0.36, color=colour, label=f"{label} p50")
            axis.set_xticks(list(places), [plain(part.name) for part in state.parts])
            axis.grid(visible=False, axis="x")
            axis.set_xlabel("part of a request")
            axis.set_ylabel("latency (ms)")
            axis.set_title(_state_title(state))
        legend_below(figure)

    return svg("predicted against measured", (9.6, 0.4 + 3.0 * math.ceil(len(states) / 3)), paint)


def heads(checks: Sequence[HeadCheck]) -> str:
    """Whole heads and tails, one axis per device: predicted against measured, with a band of 10 %."""
    usable = [c for c in checks if positive(c.predicted_us) and positive(c.measured_us)]
    devices = list(dict.fromkeys(check.device for check in usable)) or ["no device"]

    def paint(figure: Any) -> None:
        for axis, device in zip(grid(figure, len(devices), 2), devices, strict=True):
            _paint_heads(axis, device, [check for check in usable if check.device == device])
        legend_below(figure)

    return svg("prediction of whole heads", (9.6, 0.3 + 3.9 * math.ceil(len(devices) / 2)), paint)


def timeline(samples: Sequence[Sample], marks: Sequence[Mark], limit_ms: float) -> str:
    """Latency of the requests during the changes of the link; seconds count from the first thing shown."""
    shown = [sample for sample in thin(samples) if positive(sample.total_ms)]
    origin = min([*(sample.at_s for sample in shown), *(mark.at_s for mark in marks)], default=0.0)

    def paint(figure: Any) -> None:
        axis = figure.add_subplot()
        for number, pair in enumerate(dict.fromkeys((s.served_by, s.contract) for s in shown)):
            chosen = [s for s in shown if (s.served_by, s.contract) == pair]
            axis.plot(
                [s.at_s - origin for s in chosen], [s.total_ms for s in chosen], _MARKERS[number % len(_MARKERS)],
                markersize=2.8, markeredgewidth=0, alpha=0.75, color=_SERVERS.get(pair[0], MUTED),
                label=plain(f"{pair[0]}, contract {pair[1][:8] or 'none'}"),
            )  # fmt: skip
        axis.axhline(limit_ms, color=LIMIT, linestyle="--", linewidth=1.1, label=f"limit {limit_ms:g} ms")
        log_scale(axis.yaxis, [limit_ms, *(s.total_ms for s in shown)])
        _paint_marks(axis, marks, origin, [s.at_s - origin for s in shown])
        axis.set_xlabel("time since the first request or mark (s)")
        axis.set_ylabel("total latency (ms, measured, log)")
        legend_below(figure, markerscale=2.0)

    return svg("latency over time", (9.6, 4.6), paint)


def thin(samples: Sequence[Sample]) -> list[Sample]:
    """At most MAX_POINTS requests: of each run of consecutive ones the slowest, so that no peak is lost."""
    run = max(1, math.ceil(len(samples) / MAX_POINTS))
    return [max(samples[at : at + run], key=lambda sample: sample.total_ms) for at in range(0, len(samples), run)]


def _paint_front(axis: Any, state: LinkState, limit_ms: float, percentile: float) -> None:
    for kind, colour, marker in _KINDS:
        points = sorted(
            (p for p in state.front if p.kind == kind and positive(p.latency_ms)), key=lambda p: p.latency_ms
        )
        if points:
            axis.plot([p.latency_ms for p in points], [100 * p.accuracy for p in points], marker=marker, markersize=3.2,
                      linewidth=0.9, drawstyle="steps-post", color=colour, label=kind)  # fmt: skip
    chosen = _chosen(state)
    if chosen is not None:
        axis.plot(chosen.latency_ms, 100 * chosen.accuracy, "*", markersize=13, color=LIMIT, markeredgecolor=INK,
                  markeredgewidth=0.7, label="chosen", zorder=5)  # fmt: skip
    axis.axvline(limit_ms, color=LIMIT, linestyle="--", linewidth=1.1, label=f"limit {limit_ms:g} ms")
    log_scale(axis.xaxis, [limit_ms, *(p.latency_ms for p in state.front)])
    axis.set_xlabel(f"latency p{percentile:g} (ms, predicted, log)")
    axis.set_ylabel("accuracy (%, validation images)")
    chosen_text = plain(f"chosen: {state.kind} at cut {state.cut}, {state.accuracy:.2%}")
    axis.set_title(f"{_state_title(state)}\n{chosen_text}")


def _paint_heads(axis: Any, device: str, checks: Sequence[HeadCheck]) -> None:
    axis.plot([c.measured_us for c in checks], [c.predicted_us for c in checks], "D", markersize=4.5,
              color=MEASURED, label="predicted from all other measurements")  # fmt: skip
    measured = [check.measured_us for check in checks] or [1.0, 10.0]
    ends = [0.85 * min(measured), 1.15 * max(measured)]
    axis.plot(ends, ends, color=MUTED, linewidth=0.8, label="predicted = measured")
    axis.fill_between(ends, [0.9 * x for x in ends], [1.1 * x for x in ends], color=MUTED, alpha=0.18, linewidth=0,
                      label="±10 %")  # fmt: skip
    log_scale(axis.xaxis, ends)
    log_scale(axis.yaxis, [*ends, *(check.predicted_us for check in checks)])
    axis.set_xlabel("measured (us, log)")
    axis.set_ylabel("predicted (us, log)")
    axis.set_title(plain(device))


def _paint_marks(axis: Any, marks: Sequence[Mark], origin: float, times: Sequence[float]) -> None:
    """Vertical lines with upright labels inside the plot; a label too close to the one before is moved right."""
    at = [mark.at_s - origin for mark in marks]
    width = max([*times, *at], default=0.0) or 1.0
    axis.set_xlim(-0.02 * width, 1.03 * width)
    low, high = axis.get_ylim()
    # Room above the data for the labels.
    axis.set_ylim(low, high * (high / low) ** 0.7)
    after = -math.inf
    for place, mark in sorted(zip(at, marks, strict=True), key=lambda pair: pair[0]):
        axis.axvline(place, color=MUTED, linewidth=0.8)
        after = max(place, after + 0.022 * width)
        axis.annotate(plain(mark.text), (after, 0.99), (3, 0), xycoords=("data", "axes fraction"),
                      textcoords="offset points", rotation=90, va="top", ha="left", fontsize=7.5, zorder=4,
                      bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 0.6})  # fmt: skip


def _chosen(state: LinkState) -> FrontPoint | None:
    """The choice as the search saw it; when the front does not hold it, its predicted p95."""
    for point in state.front:
        if (point.arch, point.cut, point.kind) == (state.arch, state.cut, state.kind):
            return point if positive(point.latency_ms) else None
    for part in state.parts:
        if part.name == "total" and positive(part.predicted_p95):
            return FrontPoint(state.kind, state.arch, state.cut, state.accuracy, part.predicted_p95)
    return None


def _block_label(block: Measurement) -> str:
    """Title, operators and shape; blocks of one title differ in the operators their key names."""
    operators = [part.split(" ", 1) for part in block.key.split("|")[1:]]
    told = ", ".join(_times(name, rest[0] if rest else "") for name, *rest in operators)
    told = told if len(told) <= 72 else told[:71] + "…"
    trouble = "" if block.validity is Validity.VALID else f" [{block.validity.value}: {block.code}]"
    return f"{block.title}: {told or 'whole'}, {block.shape}{trouble}"


def _times(name: str, rest: str) -> str:
    count = re.search(r"\*(\d+)", rest)
    return f"{count[1]} {name}" if count and count[1] != "1" else name


def _state_title(state: LinkState) -> str:
    return plain(f"{state.name}: {state.rate_mbit_s:g} Mbit/s, {state.round_trip_ms:g} ms round trip")
