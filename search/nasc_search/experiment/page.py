"""The result of ``nasc-vs-hwnas`` for people: a summary as text, a Markdown page, a CSV file, the plots."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from nasc_sdk.durable import make_directory, write_durably
from nasc_search.experiment.document import Document, array
from nasc_search.experiment.plan import PRIMARY, STATED_LOSS, THRESHOLDS_PERCENT
from nasc_search.experiment.plots import draw
from nasc_search.experiment.strategies import BASELINES

Table = list[tuple[str, ...]]


def region_table(document: Document) -> Table:
    """Header and rows: part of the links where so much is saved in the primary setting, at the largest limit."""
    limit_ms = document.grid.limits_ms[-1]
    rows: Table = [("NASC saves, against", *(f">= {least:g} %" for least in THRESHOLDS_PERCENT), "mean")]
    for base in BASELINES:
        shares = [
            f"{entry.share:.0%}"
            for entry in document.region
            if (entry.setting, entry.baseline, entry.limit_ms) == (PRIMARY.name, base, limit_ms)
        ]
        values = next(
            array(entry.saved_percent)
            for entry in document.saved
            if (entry.setting, entry.baseline, entry.limit_ms, entry.points_lost)
            == (PRIMARY.name, base, limit_ms, STATED_LOSS)
        )
        known = values[np.isfinite(values)]
        rows.append((base.value, *shares, f"{known.mean():.0f} %") if known.size else (base.value, *"----"))
    return rows


def moved_table(document: Document) -> Table:
    """Header and rows: how the part of links with 50 % saved moves with the assumptions."""
    rows: Table = [
        ("50 % saved, against", "limit", "as assumed", "apportioned otherwise", "points lost x 0 to 4", "ranked anew")
    ]
    middle = THRESHOLDS_PERCENT.index(50.0)
    for limit_ms in document.grid.looked_at_limits_ms:
        for base in document.uncertainty[0].share:
            at_limit = [v for v in document.uncertainty if v.limit_ms == limit_ms]
            anew = [f"{v.share[base][middle]:.0%}" for v in at_limit if v.is_ranked_anew]
            here = [v for v in at_limit if not v.is_ranked_anew]
            own = [v for v in here if v.board == v.server == document.apportioning]
            plain = next(v.share[base][middle] for v in own if v.loss_scale == 1)
            pairs = [v.share[base][middle] for v in here if v.loss_scale == 1]
            scaled = [v.share[base][middle] for v in own]
            spans = (f"{min(values):.0%} to {max(values):.0%}" for values in (pairs, scaled))
            rows.append((base.value, f"{limit_ms:g} ms", f"{plain:.0%}", *spans, *(anew or "-")))
    return rows


def accuracy_words(document: Document) -> str:
    """What a point is a point of, wherever figures stand."""
    told = document.prediction
    if told is None:
        return "a proxy, no accuracy" if document.accuracy_is_proxy else document.accuracy_unit
    return (
        f"{document.accuracy_unit}, from {told.samples} sub-networks with shared weights (held out: Spearman "
        f"{told.spearman:.3f}, mean error {told.mean_error_points:.2f} points); not of networks trained for what the "
        "latencies were measured on"
    )


def markdown(document: Document) -> str:
    """The page, with the plots beside it."""
    return "\n".join(_lines(document)) + "\n"


def saved_csv(document: Document) -> str:
    """One row for each setting, baseline, limit, points lost and link."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("setting", "baseline", "limit_ms", "points_lost", "throughput_mbit_s", "round_trip_ms", "saved_percent")
    )
    for entry in document.saved:
        fixed = entry.setting, entry.baseline, entry.limit_ms, entry.points_lost
        for rate, row in zip(document.grid.throughputs_mbit_s, entry.saved_percent, strict=True):
            for trip, value in zip(document.grid.round_trips_ms, row, strict=True):
                writer.writerow((*fixed, rate, trip, "" if value is None else value))
    return text.getvalue()


def write_report(document: Document, folder: Path) -> tuple[Path, ...]:
    """Write README.md, saved.csv, result.json and the plots into a folder; raises StorageError."""
    make_directory(folder)
    files = {
        **draw(document),
        "README.md": markdown(document).encode(),
        "saved.csv": saved_csv(document).encode(),
        "result.json": msgspec.json.format(msgspec.json.encode(document), indent=1),
    }
    for name, data in files.items():
        write_durably(folder / name, data)
    return tuple(folder / name for name in files)


def _lines(document: Document) -> Iterator[str]:
    board, server = document.board, document.server
    names = " and ".join(one.source.rpartition(":")[2] for one in (board, server))
    yield f"# NASC against HWNAS: {document.space}, {names}"
    yield ""
    yield (
        f"{document.architectures} architectures, {document.candidates} candidates (architecture, cut, encoding), "
        f"searched exactly. Accuracy: {document.accuracy_source.rpartition('/')[2]}, {accuracy_words(document)}."
    )
    yield ""
    yield "| | median ms | fastest | slowest | slowed | operators run | R2 of the fit | largest residual ms |"
    yield "|---|---|---|---|---|---|---|---|"
    for role, one in (("board", board), ("server", server)):
        yield (
            f"| {role} {one.source.rpartition(':')[2]} | {one.median_ms} | {one.fastest_ms} | {one.slowest_ms} | "
            f"{one.slowdown:g} x | {one.operators_run} | {one.fit_r2} | {one.fit_largest_residual_ms} |"
        )
    for title, table in (
        (f"Part of the links, at {STATED_LOSS:g} points; {PRIMARY.name}; limit {document.grid.limits_ms[-1]:g} ms",
         region_table(document)),
        ("How far that moves with the assumptions", moved_table(document)),
    ):  # fmt: skip
        yield from ("", f"## {title}", "", f"| {' | '.join(table[0])} |", "|---" * len(table[0]) + "|")
        yield from (f"| {' | '.join(row)} |" for row in table[1:])
    yield ""
    for name in ("saved", "why", "settings", "fronts"):
        yield f"![{name}]({name}.png)"
    yield from ("", "## Assumptions", "", *(f"- {line}" for line in (*document.assumptions, *document.notes)))
