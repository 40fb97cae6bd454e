"""A regime map as text: letters in a terminal with a legend, and CSV."""

from __future__ import annotations

import csv
import io
import math
import string
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

from nasc_sdk.regime.regime_map import NOBODY, Regime, RegimeMap, policy

_LETTERS: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits
_REST: Final = "#"
_LOCAL: Final = "="
_NOBODY: Final = "."
_HERE: Final = "@"
_COLUMNS: Final = 64
_ROWS: Final = 20
_TICK: Final = 16
_CSV_HEADER: Final = (
    "loss_to", "round_trip_above_ms", "round_trip_to_ms", "throughput_from_mbit_s", "throughput_below_mbit_s", "regime",
    "kind", "arch", "cut", "encoding", "accuracy",
)  # fmt: skip


def draw(regimes: RegimeMap, here: tuple[float, float] | None = None) -> str:
    """The map in letters, slice by slice, with what they mean; ``here``, a throughput and a round trip, is marked.

    A letter holds in all of its place: it is the answer for the slowest link there. What a measured link loses is in
    its samples, so it is marked where nothing is lost beside.
    """
    speeds = _steps(regimes.throughput_mbit_s, _COLUMNS)
    trips = _steps((regimes.lowest_round_trip_ms, regimes.highest_round_trip_ms), _ROWS)
    answer = policy(regimes)
    places = [[[answer(speed, trip, loss) for speed in speeds[:-1]] for trip in trips[1:]] for loss in regimes.losses]
    letters = letters_of(regimes, {place for rows in places for row in rows for place in row})
    ticks = "".join(f"{speeds[at]:<{_TICK}.3g}" for at in range(0, _COLUMNS, _TICK))
    axis = (f"{'':9}+{'-' * _COLUMNS}+", f"{'':10}{ticks}{speeds[-1]:.3g} Mbit/s from", "")
    lines = [f"round trip up to (ms); limit {regimes.limit_ms:g} ms at p{regimes.percentile:g}, {conditions(regimes)}"]
    for loss, rows in zip(regimes.losses, places, strict=True):
        cells = [[letters.get(place, _REST) for place in row] for row in rows]
        if here is not None and not loss and regimes.covers(*here):
            row = max(bisect_left(trips, here[1]) - 1, 0)
            cells[row][min(bisect_right(speeds, here[0]), _COLUMNS) - 1] = _HERE
        lines += [losing(loss)] if any(regimes.losses) else []
        lines += reversed([f"{trip:8.3g} |{''.join(row)}|" for trip, row in zip(trips[1:], cells, strict=True)])
        lines += axis
    return "\n".join((*lines, *_legend(regimes, letters), *_notes(regimes, here)))


def losing(loss: float) -> str:
    """Which links a slice is for."""
    return f"up to {100 * loss:g} % of segments lost" if loss else "no segment lost"


def describe(regime: Regime) -> str:
    """One candidate on one line."""
    least, most = regime.latency_margin_ms
    if regime.kind == "all-local":
        gains = ""
    elif regime.accuracy_margin >= regime.accuracy:
        gains = " (nothing runs on the board alone within the limit)"
    else:
        gains = f" ({100 * regime.accuracy_margin:+.2f} points by the link)"
    return (
        f"{regime.accuracy:.2%}{gains}, {max(least, 0.0):.2f} to {most:.2f} ms to spare, "
        f"{regime.kind}, {regime.candidate}"
    )


def to_csv(regimes: RegimeMap) -> str:
    """One line for each step of each row of each slice: where a candidate is the answer, and which it is."""
    text = io.StringIO()
    text.write(f"# {regimes.device or 'board'}, limit {regimes.limit_ms:g} ms at p{regimes.percentile:g}, ")
    text.write(f"{conditions(regimes)}, sha256 {regimes.digest}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_HEADER)
    for sheet in regimes.slices:
        above = 0.0
        for trip, steps, answers in zip(sheet.round_trip_ms, sheet.steps_mbit_s, sheet.answers, strict=True):
            for (start, end), place in zip(pairwise((0.0, *steps, math.inf)), answers, strict=True):
                ends = (f"{above:.9g}", f"{trip:.9g}", f"{start:.12g}", f"{end:.12g}")
                writer.writerow((f"{sheet.loss:g}", *ends, *_named(regimes, place)))
            above = trip
    return text.getvalue()


def _named(regimes: RegimeMap, place: int) -> tuple[str, ...]:
    if place == NOBODY:
        return ("",) * 6
    regime = regimes.regimes[place]
    candidate = regime.candidate
    return (
        str(place), regime.kind, candidate.arch, str(candidate.cut), str(candidate.encoding), f"{regime.accuracy:.6f}"
    )  # fmt: skip


def letters_of(regimes: RegimeMap, shown: set[int]) -> dict[int, str]:
    """Of what is shown, most accurate first; what is beyond all letters has none."""
    fixed = {regimes.local: _LOCAL, NOBODY: _NOBODY}
    others = dict(zip(sorted(shown - fixed.keys()), _LETTERS, strict=False))
    return others | {place: mark for place, mark in fixed.items() if place in shown}


def _legend(regimes: RegimeMap, letters: dict[int, str]) -> list[str]:
    listed = [place for place in sorted(letters) if place != NOBODY]
    lines = [
        f"{letters[place]} {regimes.regimes[place].share:6.1%} of the map: {describe(regimes.regimes[place])}"
        for place in listed
    ]
    rest = [regime.share for place, regime in enumerate(regimes.regimes) if place not in letters]
    if rest:
        lines.append(f"{_REST} {math.fsum(rest):6.1%} of the map: {len(rest)} more candidates, each with little of it")
    nobody = 1.0 - math.fsum(regime.share for regime in regimes.regimes)
    if regimes.local == NOBODY:
        lines.append(f"{_NOBODY} {max(nobody, 0.0):6.1%} of the map: no candidate keeps the limit")
    return lines


def _notes(regimes: RegimeMap, here: tuple[float, float] | None) -> list[str]:
    notes = []
    if here is not None:
        found = regimes.lookup(*here)
        answer = "no candidate keeps the limit" if found is None else describe(found)
        beside = "" if regimes.covers(*here) else ", beside the map"
        notes.append(f"{_HERE} the link now, {here[0]:.3g} Mbit/s and {here[1]:.3g} ms round trip{beside}: {answer}")
    better = f"one better by more than {100 * regimes.within:g} points" if regimes.within else "a more accurate one"
    unresolved = math.fsum(each.unresolved for each in regimes.slices) / len(regimes.slices)
    notes.append(f"every answer keeps the limit; in {unresolved:.2%} of the map {better} may keep it as well")
    return notes


def conditions(regimes: RegimeMap) -> str:
    """How the links of a map vary and, where it is not the supernet, who tells the accuracies."""
    samples = len(regimes.spread.throughput)
    vary = "steady links" if regimes.spread.steady else f"links that vary as {samples} samples did around their medians"
    return f"{vary}; accuracies of {regimes.told_by}" if regimes.told_by else vary


def _steps(ends: tuple[float, float], count: int) -> list[float]:
    """Ends of equal parts in logarithms."""
    low, high = map(math.log, ends)
    inner = [math.exp(low + (high - low) * at / count) for at in range(1, count)]
    return [ends[0], *inner, ends[1]]
