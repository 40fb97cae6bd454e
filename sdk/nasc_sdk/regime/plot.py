"""A regime map as a PNG: colours are accuracy, letters the candidates, lines the boundaries between them."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.regime.regime_map import NOBODY, RegimeMap, policy
from nasc_sdk.regime.show import conditions, describe, letters_of, losing
from nasc_sdk.report.figure import log_scale, plain, png

_COLUMNS: Final = 480
_ROWS: Final = 320
_LISTED: Final = 14
_LEAST_LETTERED: Final = 0.004
"""Share of the map that has room for a letter."""
_WIDTH: Final = 150
"""Characters of a line below the map."""
_NOBODY: Final = "#d9d9dd"
_INK: Final = "#1c1c1e"
_HERE: Final = "#c8102e"


def plot(regimes: RegimeMap, here: tuple[float, float] | None = None) -> bytes:
    """PNG bytes, a panel for each slice; ``here``, a throughput and a round trip, is marked.

    Raises MissingExtraError without matplotlib.
    """
    answer = policy(regimes)
    speeds = np.geomspace(*regimes.throughput_mbit_s, _COLUMNS)
    trips = np.geomspace(regimes.lowest_round_trip_ms, regimes.highest_round_trip_ms, _ROWS)
    largest = sorted(range(len(regimes.regimes)), key=lambda place: -regimes.regimes[place].share)[:_LISTED]
    letters = letters_of(regimes, set(largest))
    losses = regimes.losses

    def paint(figure: Any) -> None:
        panels = figure.subplots(1, len(losses), sharex=True, sharey=True, squeeze=False)[0]
        for axis, loss in zip(panels, losses, strict=True):
            places = [[answer(speed, trip, loss) for speed in speeds.tolist()] for trip in trips.tolist()]
            mesh = _paint_areas(axis, regimes, speeds, trips, np.asarray(places))
            _paint_letters(axis, regimes, letters, speeds, trips, np.asarray(places))
            if here is not None and not loss and regimes.covers(*here):
                trip = max(here[1], regimes.lowest_round_trip_ms)
                axis.plot(here[0], trip, "*", color=_HERE, markeredgecolor="white", markersize=13, label="the link now")
                axis.legend(loc="upper right", facecolor="white", frameon=True, framealpha=0.85)
            log_scale(axis.xaxis, speeds.tolist())
            log_scale(axis.yaxis, trips.tolist())
            axis.set(xlim=regimes.throughput_mbit_s, ylim=(trips[0], trips[-1]))
            axis.set_xlabel("throughput (Mbit/s)")
            if any(losses):
                axis.set_title(losing(loss), fontsize="medium")
        panels[0].set_ylabel("round trip (ms)")
        figure.colorbar(mesh, ax=list(panels), label="accuracy (%)", pad=0.01, aspect=30)
        limit = f"limit {regimes.limit_ms:g} ms at p{regimes.percentile:g}"
        figure.suptitle(plain(f"{regimes.device or 'board'}: {limit}, {conditions(regimes)}"))
        figure.supxlabel("\n".join(_legend(regimes, letters)), x=0.01, ha="left", fontsize=7.2, linespacing=1.4)

    return png((8.6 + 4.2 * (len(losses) - 1), 5.3 + 0.145 * len(letters)), paint)


def _paint_areas(
    axis: Any, regimes: RegimeMap, speeds: NDArray[Any], trips: NDArray[Any], places: NDArray[Any]
) -> Any:
    """What a scale of colours is made for, the same one in all panels."""
    every = 100 * np.asarray([*(regime.accuracy for regime in regimes.regimes), np.nan])
    ends = {"vmin": np.nanmin(every), "vmax": np.nanmax(every)} if len(every) > 1 else {}
    axis.set_facecolor(_NOBODY)
    # What is not a number is left unpainted.
    mesh = axis.pcolormesh(speeds, trips, every[places], cmap="viridis", shading="nearest", **ends)
    edges = np.zeros(places.shape, bool)
    edges[:, 1:] |= places[:, 1:] != places[:, :-1]
    edges[1:] |= places[1:] != places[:-1]
    lines = np.where(edges, 1.0, np.nan)
    axis.pcolormesh(speeds, trips, lines, cmap="gray_r", vmin=0, vmax=1, alpha=0.55, shading="nearest")
    axis.grid(visible=False)
    return mesh


def _paint_letters(
    axis: Any, regimes: RegimeMap, letters: dict[int, str], speeds: NDArray[Any], trips: NDArray[Any],
    places: NDArray[Any],
) -> None:  # fmt: skip
    """Each in the middle of its longest run along the row that is in the middle of its area."""
    for place, mark in letters.items():
        if place == NOBODY or regimes.regimes[place].share < _LEAST_LETTERED:
            continue
        rows, columns = np.nonzero(places == place)
        if not rows.size:
            continue
        row = int(np.median(rows))
        along = columns[rows == row]
        axis.annotate(
            mark, (speeds[int(np.median(along))], trips[row]), ha="center", va="center", fontsize=8.5, color=_INK,
            fontweight="bold", bbox={"boxstyle": "circle,pad=0.18", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
        )  # fmt: skip


def _legend(regimes: RegimeMap, letters: dict[int, str]) -> list[str]:
    lines = []
    for place in sorted(letters):
        if place == NOBODY:
            continue
        regime = regimes.regimes[place]
        line = plain(f"{letters[place]}  {regime.share:.1%}  {describe(regime)}")
        lines.append(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…")
    rest = [regime.share for place, regime in enumerate(regimes.regimes) if place not in letters]
    if rest:
        lines.append(f"{len(rest)} more candidates on {math.fsum(rest):.1%} of the map")
    return lines
