"""Plots of a demo as SVG text, drawn by matplotlib without any window or global state."""

from __future__ import annotations

import io
from typing import Any, Final

from nasc_sdk.errors import MissingExtraError
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.report.summary import HeadCheck, LinkState, Mark, Sample

_COLOURS: Final = {"all-local": "#1b7f5c", "split": "#2457c5", "all-edge": "#c2571a", "local": "#1b7f5c"}
_OTHER: Final = "#777777"
MAX_POINTS: Final = 3000


def blocks(profile: Profile) -> str:
    """Latency of each timed block, longest first; microseconds."""
    figure, axis = _figure(9, 7)
    rows = sorted(profile.blocks, key=lambda item: -item.timing.median)[:40][::-1]
    medians = [row.timing.median for row in rows]
    whiskers = [max(row.timing.p95 - row.timing.median, 0.0) for row in rows]
    axis.barh(range(len(rows)), medians, xerr=[[0.0] * len(rows), whiskers], color="#2457c5", ecolor="#999999")
    axis.set_yticks(range(len(rows)), [f"{row.title} {row.shape}" for row in rows], fontsize=6)
    axis.set_xlabel(f"median, whisker to p95 ({profile.conditions.unit.value}, measured)")
    axis.set_title(f"{profile.device}: the {len(rows)} slowest of {len(profile.blocks)} timed blocks")
    return _svg(figure)


def front(state: LinkState, limit_ms: float) -> str:
    """Accuracy against latency of the best candidates of each kind; predicted."""
    figure, axis = _figure(7, 4)
    for kind in ("all-local", "split", "all-edge"):
        points = [point for point in state.front if point.kind == kind]
        axis.plot(
            [point.latency_ms for point in points], [100 * point.accuracy for point in points],
            marker="o", markersize=3, linewidth=1, color=_COLOURS[kind], label=kind,
        )  # fmt: skip
    total = next(part for part in state.parts if part.name == "total")
    axis.plot(total.predicted_p95, 100 * state.accuracy, "*", markersize=14, color="#d62246", label="chosen")
    axis.axvline(limit_ms, color="#d62246", linestyle="--", linewidth=1, label=f"limit {limit_ms:g} ms")
    axis.set_xscale("log")
    axis.set_xlabel("latency, p95 (ms, predicted)")
    axis.set_ylabel("accuracy (%)")
    axis.set_title(f"{state.name}: {state.rate_mbit_s:g} Mbit/s, {state.round_trip_ms:g} ms round trip")
    axis.legend(fontsize=7)
    return _svg(figure)


def predicted_against_measured(state: LinkState) -> str:
    """Bars per part: p50 predicted and measured."""
    figure, axis = _figure(6, 3)
    places = range(len(state.parts))
    axis.bar([x - 0.2 for x in places], [part.predicted_p50 for part in state.parts], 0.4, label="predicted p50")
    axis.bar([x + 0.2 for x in places], [part.measured_p50 for part in state.parts], 0.4, label="measured p50")
    axis.set_xticks(list(places), [part.name for part in state.parts])
    axis.set_ylabel("ms")
    axis.set_title(state.name)
    axis.legend(fontsize=7)
    return _svg(figure)


def heads(checks: tuple[HeadCheck, ...]) -> str:
    """Whole heads and tails: predicted against measured, with a band of 10 %."""
    figure, axis = _figure(5, 4.5)
    for held_out, marker in ((False, "o"), (True, "D")):
        chosen = [check for check in checks if check.held_out is held_out]
        label = "not fitted on" if held_out else "fitted on"
        axis.plot([c.measured_us for c in chosen], [c.predicted_us for c in chosen], marker, markersize=4, label=label)
    largest = max((check.measured_us for check in checks), default=1.0)
    smallest = max(min((check.measured_us for check in checks), default=0.1), 0.1)
    ends = [smallest, largest]
    axis.plot(ends, ends, color=_OTHER, linewidth=1)
    axis.fill_between(ends, [0.9 * x for x in ends], [1.1 * x for x in ends], color=_OTHER, alpha=0.2, label="10 %")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("measured (us)")
    axis.set_ylabel("predicted (us)")
    axis.set_title("whole heads and tails")
    axis.legend(fontsize=7)
    return _svg(figure)


def timeline(samples: tuple[Sample, ...], marks: tuple[Mark, ...], limit_ms: float) -> str:
    """Latency of every request during the changes of the link."""
    figure, axis = _figure(10, 4)
    step = max(1, len(samples) // MAX_POINTS)
    thinned = samples[::step]
    for served_by in sorted({sample.served_by for sample in thinned}):
        chosen = [sample for sample in thinned if sample.served_by == served_by]
        axis.plot(
            [s.at_s for s in chosen], [s.total_ms for s in chosen], ".", markersize=3, label=served_by,
            color=_COLOURS.get(served_by, _OTHER),
        )  # fmt: skip
    for mark in marks:
        axis.axvline(mark.at_s, color=_OTHER, linewidth=0.7)
        axis.annotate(mark.text, (mark.at_s, 1.01), xycoords=("data", "axes fraction"), rotation=20, fontsize=6)
    axis.axhline(limit_ms, color="#d62246", linestyle="--", linewidth=1)
    axis.set_yscale("log")
    axis.set_xlabel("time (s)")
    axis.set_ylabel("total latency (ms, measured)")
    if thinned:
        axis.legend(fontsize=7)
    return _svg(figure)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("matplotlib", "report") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Any) -> str:
    from matplotlib import rc_context

    text = io.StringIO()
    # A fixed salt and no date: the same summary gives the same page.
    with rc_context({"svg.hashsalt": "nasc"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
