"""The report: one HTML file with everything in it, made from a Summary. No script, nothing loaded from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape

from nasc_sdk.profiling.profile import Conditions, Profile
from nasc_sdk.report import plots
from nasc_sdk.report.style import STYLE
from nasc_sdk.report.summary import Figure, LinkState, Origin, Part, Summary

_CONTENTS = (
    ("promises", "Promises"), ("decisions", "What was decided"), ("figures", "Figures"), ("conditions", "Conditions"),
    ("timeline", "The link changes"), ("fronts", "Accuracy against latency"),
    ("prediction", "Predicted against measured"), ("blocks", "Per-block latency"), ("why", "Why, in full"),
)  # fmt: skip


def render(summary: Summary) -> str:
    """HTML text of the whole page; MissingExtraError when matplotlib is not installed."""
    bodies = (
        _promises(summary), _decisions(summary), _figures(summary.figures), _conditions(summary.profiles),
        _timeline(summary), _fronts(summary), _prediction(summary), _blocks(summary.profiles), _why(summary.states),
    )  # fmt: skip
    sections = [
        f'<section id="{anchor}"><h2>{title}</h2>{body}</section>'
        for (anchor, title), body in zip(_CONTENTS, bodies, strict=True)
    ]
    links = " ".join(f'<a href="#{anchor}">{title}</a>' for anchor, title in _CONTENTS)
    page = "\n".join((_verdict(summary), f"<nav>{links}</nav>", *sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>nasc-sdk demo: {_said(summary)}</title><style>{STYLE}</style></head>\n<body>\n{page}\n</body></html>\n"
    )


def _said(summary: Summary) -> str:
    if not summary.promises:
        return "no promise was checked"
    broken = sum(not promise.held for promise in summary.promises)
    return f"{broken} of {len(summary.promises)} promises not held" if broken else "held"


def _verdict(summary: Summary) -> str:
    held = summary.held and bool(summary.promises)
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(summary.started_unix_s))
    return (
        f'<header class="verdict{"" if held else " broken"}"><h1>nasc-sdk demo: {_said(summary)}</h1>'
        f"<p>{len(summary.promises)} promises, {sum(p.held for p in summary.promises)} held. Board "
        f"<b>{escape(summary.board)}</b> on {escape(summary.machine)}; limit {summary.limit_ms:g} ms at "
        f"p{summary.percentile:g}; {began}, {summary.duration_s:.0f} s.</p></header>"
    )


def _promises(summary: Summary) -> str:
    # Those that were not held first: they are what a reader looks for.
    rows = "".join(
        f'<tr class="{"" if promise.held else "broken"}"><td class="{"held" if promise.held else ""}">'
        f"{'held' if promise.held else 'not held'}</td>"
        f"<td>{escape(promise.name)}</td><td>{escape(promise.detail)}</td></tr>"
        for promise in sorted(summary.promises, key=lambda promise: promise.held)
    )
    return _table(("", "promise", "what happened"), rows)


def _decisions(summary: Summary) -> str:
    return "".join(_decision(state, summary) for state in summary.states) or _nothing("No link state was played.")


def _decision(state: LinkState, summary: Summary) -> str:
    total = next((part for part in state.parts if part.name == "total"), None)
    rows = "".join(
        f"<tr><td>{escape(part.name)}</td>{_numbers(part.predicted_p50, part.measured_p50)}"
        f'<td class="n">{_difference(part)}</td>{_numbers(part.predicted_p95, part.measured_p95)}</tr>'
        for part in state.parts
    )
    header = ("part (ms)", "#p50 predicted", "#p50 measured", "#difference", "#p95 predicted", "#p95 measured")
    return (
        f"<h3>{escape(state.name)}: {state.rate_mbit_s:g} Mbit/s, {state.round_trip_ms:g} ms round trip</h3>"
        f"<p><b>{escape(state.kind)}</b> at cut {state.cut}, contract <code>{escape(state.contract)}</code>, accuracy "
        f"{state.accuracy:.2%} (validation images, float): <code>{escape(state.arch)}</code>. "
        f"{_total(total, summary.limit_ms)}{state.requests} requests measured. Probes between "
        f"them found the board's processor {state.slowdown[0]:.2f} and the server's {state.slowdown[1]:.2f} times as "
        f"slow as at full speed; the medians are predicted for that.</p>{_table(header, rows)}"
    )


def _total(total: Part | None, limit_ms: float) -> str:
    if total is None:
        return ""
    inside = total.measured_p95 <= limit_ms
    return (
        f"Total p50 {total.predicted_p50:.2f} ms predicted, {total.measured_p50:.2f} ms measured "
        f"({_difference(total)}); p95 {total.predicted_p95:.2f} ms predicted, {total.measured_p95:.2f} ms measured, "
        f'<strong class="{"held" if inside else "broken"}">{"within" if inside else "over"} the limit</strong> of '
        f"{limit_ms:g} ms. "
    )


def _difference(part: Part) -> str:
    """Of the prediction from the measured median."""
    return f"{part.predicted_p50 / part.measured_p50 - 1:+.1%}" if part.measured_p50 > 0 else "none"


def _figures(figures: Iterable[Figure]) -> str:
    """One row a name: what was measured beside what was predicted."""
    rows: list[tuple[Figure, dict[Origin, float]]] = []
    open_rows: dict[tuple[str, str], dict[Origin, float]] = {}
    for figure in figures:
        key = (figure.name, figure.unit)
        if key not in open_rows or figure.origin in open_rows[key]:
            open_rows[key] = {}
            rows.append((figure, open_rows[key]))
        open_rows[key][figure.origin] = figure.value
    origins = [origin for origin in Origin if any(origin in values for _, values in rows)]
    text = "".join(
        f"<tr><td>{escape(figure.name)}</td><td>{escape(figure.unit)}</td>"
        + "".join(f'<td class="n">{_value(values[o]) if o in values else ""}</td>' for o in origins)
        + "</tr>"
        for figure, values in rows
    )
    return _table(("figure", "unit", *(f"#{origin.value}" for origin in origins)), text)


def _value(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 1 else f"{value:,.3f}"


def _conditions(profiles: Iterable[Profile]) -> str:
    lines = []
    for profile in profiles:
        label = profile.conditions.label
        marked = f' <span class="label">Stand-in or special condition: {escape(label)}.</span>' if label else ""
        notes = "".join(f" {escape(note)}." for note in profile.notes)
        lines.append(
            f"<p><b>{escape(profile.device)}</b>: {escape(_ran_under(profile.conditions))}; "
            f"{len(profile.blocks)} blocks and {len(profile.heads)} whole networks timed in {profile.duration_s:.1f} s."
            f"{marked}{notes}</p>"
        )
    return "".join(lines) or _nothing("No device was profiled.")


def _ran_under(conditions: Conditions) -> str:
    """What the system does not show is left out."""
    said = (
        conditions.runtime, f"{conditions.kernels} kernels", f"{conditions.threads} thread(s)", conditions.machine,
        conditions.processor, conditions.governor and f"governor {conditions.governor}",
        conditions.frequency_mhz and f"{conditions.frequency_mhz:g} MHz",
        conditions.temperature_c and f"{conditions.temperature_c:g} °C", f"load {conditions.load_average:g}",
        f"time from {conditions.time_source} in {conditions.unit.value}",
    )  # fmt: skip
    return ", ".join(str(part) for part in said if part)


def _timeline(summary: Summary) -> str:
    if not summary.timeline:
        return _nothing("No request was recorded while the link changed.")
    shown = len(plots.thin(summary.timeline))
    which = "" if shown == len(summary.timeline) else f" {shown} are drawn: of consecutive requests the slowest."
    return _figure(
        plots.timeline(summary.timeline, summary.marks, summary.limit_ms),
        f"Total latency of {len(summary.timeline)} requests, by who answered under which contract.{which}",
    )


def _fronts(summary: Summary) -> str:
    if not summary.states:
        return _nothing("No link state was played.")
    return _figure(
        plots.fronts(summary.states, summary.limit_ms, summary.percentile),
        "The most accurate candidates at each latency, as the search predicted them over the link of each state. Left "
        "of the dashed line the limit is kept. A front is drawn whether or not its kind is allowed (all-edge sends the "
        "raw input).",
    )


def _prediction(summary: Summary) -> str:
    states = [state for state in summary.states if state.parts]
    bars = _figure(plots.parts(states), "Solid: median (p50). Pale: p95.") if states else ""
    checks = (
        _figure(plots.heads(summary.checks), "Whole heads and tails against the cost model's sum of blocks.")
        if summary.checks
        else ""
    )
    return bars + checks or _nothing("Nothing was predicted.")


def _blocks(profiles: Iterable[Profile]) -> str:
    drawn = (
        _figure(plots.blocks(profile), f"{profile.device}: each block alone, {profile.conditions.runtime}, "
                f"{profile.conditions.kernels} kernels. {profile.conditions.label}")
        for profile in profiles
        if profile.blocks
    )  # fmt: skip
    return "".join(drawn) or _nothing("No block was timed.")


def _why(states: Iterable[LinkState]) -> str:
    told = "".join(f"<h3>{escape(state.name)}</h3><pre>{escape(state.explanation)}</pre>" for state in states)
    return told or _nothing("No link state was played.")


def _table(header: Sequence[str], rows: str) -> str:
    """A ``#`` before a heading aligns its column right; ``rows`` is HTML."""
    cells = "".join(f'<th class="n">{name[1:]}</th>' if name[:1] == "#" else f"<th>{name}</th>" for name in header)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>'


def _numbers(*values: float) -> str:
    return "".join(f'<td class="n">{value:.2f}</td>' for value in values)


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _nothing(text: str) -> str:
    return f'<p class="note">{text}</p>'
