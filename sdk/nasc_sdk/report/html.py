"""The report: one HTML file with everything in it, made from a Summary."""

from __future__ import annotations

import time
from html import escape
from typing import Final

from nasc_sdk.report import plots
from nasc_sdk.report.summary import LinkState, Summary

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c;
  background: #fff }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd }
table { border-collapse: collapse; width: 100% } td, th { padding: .25rem .6rem; border-bottom: 1px solid #eee;
  text-align: left; vertical-align: top } td.n { text-align: right; font-variant-numeric: tabular-nums }
.held { color: #1b7f5c; font-weight: 600 } .not { color: #d62246; font-weight: 600 }
svg { max-width: 100%; height: auto } pre { overflow-x: auto; background: #f6f6f6; padding: .8rem; font-size: 12px }
"""


def render(summary: Summary) -> str:
    """HTML text; MissingExtraError when matplotlib is not installed."""
    verdict = "every promise was held" if summary.held else "not every promise was held"
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.started_unix_s))
    parts = [
        f"<h1>nasc-sdk demo: {verdict}</h1>",
        f"<p>{began}, {summary.duration_s:.0f} s on {escape(summary.machine)}; board <b>{escape(summary.board)}</b>; "
        f"limit {summary.limit_ms:g} ms at p{summary.percentile:g}.</p>",
        _promises(summary),
        *(_state(state, summary.limit_ms) for state in summary.states),
        "<h2>The link changes</h2>",
        plots.timeline(summary.timeline, summary.marks, summary.limit_ms),
        "<h2>Prediction of whole heads and tails</h2>",
        plots.heads(summary.checks),
        "<h2>Per-block latency</h2>",
    ]
    for profile in summary.profiles:
        said = profile.conditions
        label = f"; {escape(said.label)}" if said.label else ""
        parts.append(f"<p>{escape(profile.device)}: {escape(said.runtime)}, {escape(said.kernels)} kernels{label}</p>")
        parts.append(plots.blocks(profile))
    parts.append(_figures(summary))
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>nasc-sdk demo</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _promises(summary: Summary) -> str:
    rows = "".join(
        f'<tr><td class="{"held" if promise.held else "not"}">{"held" if promise.held else "not held"}</td>'
        f"<td>{escape(promise.name)}</td><td>{escape(promise.detail)}</td></tr>"
        for promise in summary.promises
    )
    return f"<h2>Promises</h2><table><tr><th></th><th>promise</th><th>what happened</th></tr>{rows}</table>"


def _state(state: LinkState, limit_ms: float) -> str:
    total = next(part for part in state.parts if part.name == "total")
    return (
        f"<h2>{escape(state.name)}: {state.rate_mbit_s:g} Mbit/s, {state.round_trip_ms:g} ms</h2>"
        f"<p>Chosen: <b>{escape(state.kind)}</b> at cut {state.cut}, accuracy {state.accuracy:.2%} (validation images, "
        f"float). Total p50 {total.predicted_p50:.2f} ms predicted, {total.measured_p50:.2f} ms measured; p95 "
        f"{total.predicted_p95:.2f} and {total.measured_p95:.2f} ms.<br><code>{escape(state.arch)}</code></p>"
        f"{plots.front(state, limit_ms)}{plots.predicted_against_measured(state)}"
        f"<details><summary>why</summary><pre>{escape(state.explanation)}</pre></details>"
    )


def _figures(summary: Summary) -> str:
    rows = "".join(
        f'<tr><td>{escape(figure.name)}</td><td class="n">{figure.value:.3f}</td><td>{escape(figure.unit)}</td>'
        f"<td>{figure.origin.value}</td></tr>"
        for figure in summary.figures
    )
    header = "<tr><th>figure</th><th>value</th><th>unit</th><th>origin</th></tr>"
    return f"<h2>All figures</h2><table>{header}{rows}</table>"
