"""Plots of ``nasc-vs-hwnas`` as PNG files, drawn by matplotlib without any window or global state."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nasc_sdk.report.figure import log_scale, plain, png
from nasc_search.experiment.anatomy import Array
from nasc_search.experiment.document import Document, FrontEntry, array
from nasc_search.experiment.plan import PRIMARY, SETTINGS, STATED_LOSS, THRESHOLDS_PERCENT, Grid
from nasc_search.experiment.strategies import Strategy
from nasc_search.experiment.sweep import Why

_INK: Final = "#1c1c1e"
_CONTOURS: Final = {40.0: ("dotted", 1.0), 50.0: ("solid", 2.0), 60.0: ("dashed", 1.0)}
"""Line and width of each threshold."""
_RED_LINES: Final = "red lines: " + ", ".join(f"{least:g} % {line}" for least, (line, _) in _CONTOURS.items())
_LINES: Final = {
    Strategy.HWNAS_LOCAL: ("HWNAS, on the board", "#1b7f5c", "-", "o"),
    Strategy.HWNAS_SPLIT: ("HWNAS, split afterwards", "#c05ad8", "--", ""),
    Strategy.NEUROSURGEON: ("most accurate, best cut", "#b8500f", "", "D"),
    Strategy.ALL_EDGE: ("all on the server", "#c8102e", "--", "^"),
    Strategy.FIXED_CUT: ("fixed cut", "#8d8d93", "--", "s"),
    Strategy.NASC: ("NASC", "#2457c5", "-", ""),
}
_AGAINST: Final = {
    Strategy.HWNAS_LOCAL: "HWNAS on the board",
    Strategy.HWNAS_TRADED: "HWNAS losing the same points",
    Strategy.HWNAS_SPLIT: "HWNAS split afterwards",
}
_WORTH_POINTS: Final = 8.0
_COLOURS: Final = {
    Why.REACHED_BY_SPLIT: "#2457c5",
    Why.REACHED_ON_BOARD: "#1b7f5c",
    Why.THROUGHPUT_BOUND: "#f0b429",
    Why.ROUND_TRIP_BOUND: "#e07a3f",
    Why.BOARD_FAST_ENOUGH: "#b9b9bf",
    Why.COMPUTE_BOUND: "#6b6b70",
    Why.NO_BASELINE: "#fefefe",
}
_COLOURS_KEPT: Final = 96


def draw(document: Document) -> dict[str, bytes]:
    """PNG files by name. Raises MissingExtraError without matplotlib."""
    return {
        "fronts.png": fronts(document),
        "saved.png": saved(document),
        "settings.png": settings(document),
        "why.png": why(document),
    }


def fronts(document: Document) -> bytes:
    """Accuracy against latency of every strategy over the shown links, in the primary setting."""
    links = [document.grid.link(*at) for at in document.grid.shown]
    lowest = document.best_accuracy_percent - _WORTH_POINTS

    def paint(figure: Any) -> None:
        for number, link in enumerate(links):
            axis = figure.add_subplot(-(-len(links) // 2), min(2, len(links)), number + 1)
            for entry in document.fronts:
                here = entry.throughput_mbit_s == link.throughput_mbit_s and entry.round_trip_ms == link.round_trip_ms
                if here and entry.setting == PRIMARY.name:
                    _front(axis, entry, lowest)
            log_scale(axis.xaxis, [ms for line in axis.lines for ms in line.get_xdata()])
            axis.set(
                ylim=(lowest, document.best_accuracy_percent + 0.4), xlabel="latency (ms)",
                ylabel=_accuracy_label(document),
                title=f"{link.throughput_mbit_s:g} Mbit/s, {link.round_trip_ms:g} ms round trip",
            )  # fmt: skip
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5)

    return _png(f"{_title(document)}: {PRIMARY.name}", (8.6, 6.2), paint)


def saved(document: Document) -> bytes:
    """Heat maps of latency saved at half a point, by baseline and limit, in the primary setting."""
    limits = document.grid.looked_at_limits_ms
    rows = [(limit_ms, base) for limit_ms in limits for base in _AGAINST]

    def paint(figure: Any) -> None:
        for number, (limit_ms, base) in enumerate(rows):
            axis = figure.add_subplot(len(limits), len(_AGAINST), number + 1)
            values = _saved(document, PRIMARY.name, base, limit_ms)
            _heat(axis, document.grid, values, f"against {_AGAINST[base]}\nlimit {limit_ms:g} ms")

    title = f"{_title(document)}\nlatency saved (%) at {STATED_LOSS:g} points; {PRIMARY.name}; {_RED_LINES}"
    return _png(title, (11.4, 0.6 + 2.9 * len(limits)), paint)


def settings(document: Document) -> bytes:
    """Heat maps in the four settings, against HWNAS that loses the same points, at the largest limit."""
    limit_ms = document.grid.limits_ms[-1]

    def paint(figure: Any) -> None:
        for number, setting in enumerate(SETTINGS):
            axis = figure.add_subplot(2, 2, number + 1)
            _heat(axis, document.grid, _saved(document, setting.name, Strategy.HWNAS_TRADED, limit_ms), setting.name)

    title = (
        f"{_title(document)}\nlatency saved (%) against {_AGAINST[Strategy.HWNAS_TRADED]}; limit {limit_ms:g} ms, "
        f"{STATED_LOSS:g} points\n{_RED_LINES}"
    )
    return _png(title, (8.6, 6.4), paint)


def why(document: Document) -> bytes:
    """Where half of the latency of HWNAS on the board is saved, and what forbids it elsewhere."""
    limits = document.grid.looked_at_limits_ms
    entries = [entry for entry in document.why if entry.limit_ms in limits and entry.setting == PRIMARY.name]
    kinds = list(Why)

    def paint(figure: Any) -> None:
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        for number, entry in enumerate(entries):
            axis = figure.add_subplot(1, len(entries), number + 1)
            places = np.array([[kinds.index(Why(name)) for name in row] for row in entry.reason])
            colours = ListedColormap([_COLOURS[kind] for kind in kinds])
            axis.pcolormesh(places.T, cmap=colours, vmin=-0.5, vmax=len(kinds) - 0.5, edgecolors="white", linewidth=0.6)
            for at in np.ndindex(places.shape):
                axis.annotate(str(entry.chosen_cut[at[0]][at[1]]), (at[0] + 0.5, at[1] + 0.5), ha="center", va="center",
                              fontsize=7, color="white" if kinds[places[at]] in _DARK else _INK)  # fmt: skip
            _ticks(axis, document.grid)
            axis.set_title(f"limit {entry.limit_ms:g} ms")
        seen = [kind for kind in kinds if any(kind.value in row for entry in entries for row in entry.reason)]
        figure.legend([Patch(color=_COLOURS[kind]) for kind in seen], [kind.value for kind in seen],
                      loc="outside lower center", ncols=4)  # fmt: skip

    title = (
        f"{_title(document)}\nwhere 50 % of HWNAS on the board is saved at {STATED_LOSS:g} points; numbers: chosen "
        f"cut, {len(document.cuts) - 1} is all on the board"
    )
    return _png(title, (4.6 * len(entries), 3.9), paint)


_DARK: Final = (Why.REACHED_BY_SPLIT, Why.REACHED_ON_BOARD, Why.COMPUTE_BOUND)


def _front(axis: Any, entry: FrontEntry, lowest: float) -> None:
    label, colour, line, marker = _LINES[Strategy(entry.strategy)]
    kept = [(ms, top) for ms, top in zip(entry.latency_ms, entry.accuracy_percent, strict=True) if top >= lowest]
    if kept:
        wide = 2.0 if entry.strategy == Strategy.NASC else 1.0
        axis.plot(*zip(*kept, strict=True), line or "none", color=colour, marker=marker or None, markersize=3,
                  linewidth=wide, drawstyle="steps-post", label=label, zorder=1 if wide > 1 else 2)  # fmt: skip


def _heat(axis: Any, grid: Grid, values: Array, title: str) -> None:
    axis.pcolormesh(values.T, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=0.6)
    axis.set_facecolor("#efefef")
    for at in np.ndindex(values.shape):
        if np.isfinite(values[at]):
            axis.annotate(f"{values[at]:.0f}", (at[0] + 0.5, at[1] + 0.5), ha="center", va="center", fontsize=7,
                          color="white" if values[at] > 55 else _INK)  # fmt: skip
    known = np.nan_to_num(values, nan=-1.0)
    if min(values.shape) > 1:
        levels = [least for least in THRESHOLDS_PERCENT if known.min() < least <= known.max()]
        if levels:
            middles = (np.arange(size) + 0.5 for size in values.shape)
            styles, widths = zip(*(_CONTOURS[least] for least in levels), strict=True)
            axis.contour(*middles, known.T, levels=levels, colors="#c8102e", linewidths=widths, linestyles=styles)
    _ticks(axis, grid)
    axis.set_title(title)


def _ticks(axis: Any, grid: Grid) -> None:
    axis.grid(visible=False)
    for one, values in ((axis.xaxis, grid.throughputs_mbit_s), (axis.yaxis, grid.round_trips_ms)):
        one.set_ticks([place + 0.5 for place in range(len(values))], [f"{value:g}" for value in values], fontsize=7)
        one.set_tick_params(length=0)
    axis.set(xlabel="throughput (Mbit/s)", ylabel="round trip (ms)")


def _saved(document: Document, setting: str, base: Strategy, limit_ms: float) -> Array:
    for entry in document.saved:
        if (entry.setting, entry.baseline, entry.limit_ms, entry.points_lost) == (setting, base, limit_ms, STATED_LOSS):
            return array(entry.saved_percent)
    raise KeyError(setting, base, limit_ms)


def _title(document: Document) -> str:
    board, server = document.board, document.server
    slowed = "" if board.slowdown == 1 else f" slowed {board.slowdown:g} times"
    return plain(
        f"{document.space}, {document.accuracy_unit}: {board.source.rpartition(':')[2]}{slowed} and "
        f"{server.source.rpartition(':')[2]}"
    )


def _accuracy_label(document: Document) -> str:
    if document.accuracy_is_proxy:
        return "proxy (points)"
    return "accuracy (%)" if document.prediction is None else "predicted supernet accuracy (%)"


def _png(title: str, size: tuple[float, float], paint: Callable[[Any], None]) -> bytes:
    def titled(figure: Any) -> None:
        figure.suptitle(title, fontsize=10)
        paint(figure)

    return _few_colours(png(size, titled))


def _few_colours(image: bytes) -> bytes:
    """A third of the bytes; no date and no version inside: the same document is the same file."""
    from PIL import Image  # matplotlib needs it as well

    small = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("RGB").quantize(_COLOURS_KEPT).save(small, format="png", optimize=True)
    return small.getvalue()
