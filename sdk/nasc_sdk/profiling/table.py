"""A Profile as text: what was measured, under which conditions, which share of the total each line has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from nasc_sdk.cost.features import describe_block
from nasc_sdk.profiling.profile import (
    UNKNOWN_BOARD,
    Conditions,
    Measurement,
    Power,
    Profile,
    Timing,
    Validity,
)
from nasc_sdk.profiling.validity import Code, advice, meaning, read_code

_WHOLE: Final = "whole"
Row = tuple[str, ...]


def format_profile(profile: Profile, top: int = 0) -> str:
    """Conditions, the table of blocks (or of a model's operators), whole heads, notes, codes. All is measured.

    ``top`` shows only the blocks that take longest, longest first; 0 shows all in the plan's order.
    """
    unit = profile.conditions.unit.value
    parts = [f"{profile.device}: {format_conditions(profile.conditions)}"]
    units = profile.blocks or profile.heads
    header = ("block", "op", "shape", *_names(unit, units), "share %", "cumulated %", "validity")
    shown = units
    if 0 < top < len(units):
        shown = tuple(sorted(units, key=lambda found: -found.timing.median)[:top])
    parts.append(_table(header, _rows(shown, sum(found.timing.median for found in units))))
    if len(shown) < len(units):
        parts[-1] += f"\n... and {len(units) - len(shown)} more"
    if profile.blocks:
        total = sum(found.timing.median for found in profile.blocks)
        parts.append(f"{len(profile.blocks)} blocks, {total:.1f} {unit} in all (measured, each alone)")
        if profile.heads:
            heads = [
                (found.title, found.shape, *_times(found.timing), _validity(found)) for found in profile.heads
            ]
            parts.append(
                _table(("whole network", "shape", *_names(unit, profile.heads), "validity"), heads)
            )
    if profile.coding:
        steps = [(found.title, found.shape, *_times(found.timing), _validity(found)) for found in profile.coding]
        parts.append(
            _table(("beside the network (measured)", "of", *_names(unit, profile.coding), "validity"), steps)
        )
    if profile.power is not None:
        parts.append(format_power(profile.power))
    if profile.notes:
        parts.append("\n".join(f"note: {note}" for note in profile.notes))
    if codes := format_codes((*profile.blocks, *profile.heads, *profile.coding)):
        parts.append(codes)
    return "\n\n".join(parts)


def format_power(power: Power | None) -> str:
    """One line: watts and where they come from; without any, what searches assume."""
    if power is None:
        return f"power: no sensor; searches for least energy assume {UNKNOWN_BOARD}, or what --power-w says"
    return f"power: {power}; a block's energy is its time at {power.busy_w:.2f} W, {power.busy_w:.2f} mJ a millisecond"


def format_conditions(conditions: Conditions) -> str:
    """One line: runtime, kernels, threads, machine, and what the system shows of its state."""
    shown = [
        conditions.runtime,
        f"{conditions.kernels} kernels",
        f"{conditions.threads} thread{'s' * (conditions.threads != 1)}",
        ", ".join(filter(None, (conditions.processor, conditions.machine))),
        f"governor {conditions.governor}" if conditions.governor else "",
        f"{conditions.frequency_mhz:.0f} MHz" if conditions.frequency_mhz else "",
        _before_after(conditions.temperature_c, conditions.temperature_after_c, ".0f", " °C"),
        "load " + (_before_after(conditions.load_average, conditions.load_average_after, ".2f") or "0.00"),
        f"throttling: {', '.join(conditions.throttling)}" if conditions.throttling else "",
        conditions.label,
    ]
    return "; ".join(filter(None, shown))


def _before_after(before: float, after: float, form: str, unit: str = "") -> str:
    """One figure, or two where it changed in what is shown; empty where the system shows neither."""
    first, last = format(before, form), format(after, form)
    if not (before or after):
        return ""
    return f"{first}{unit}" if not after or first == last else f"{first} to {last}{unit}"


def format_codes(units: Sequence[Measurement]) -> str:
    """A line per code: how many of the units, what it means, what to do; empty when all are valid."""
    counts = Counter((found.validity, found.code) for found in units if found.validity is not Validity.VALID)
    lines = []
    for (validity, text), count in counts.most_common():
        code = read_code(text or Code.INVALID)
        told = f"{meaning(code)}. {advice(code)}" if code else "this version does not know the code."
        lines.append(f"{validity.value}: {text or 'no code'}: {count} of {len(units)} units: {told}")
    return "\n".join(lines)


def _rows(units: tuple[Measurement, ...], total: float) -> list[Row]:
    rows: list[Row] = []
    done = 0.0
    for found in units:
        inside = 0.0
        for op in found.ops:
            inside += op.timing.median
            rows.append(
                (
                    found.title if op.index == 0 else "",
                    op.op,
                    op.shape,
                    *_times(op.timing),
                    *_shares(op.timing.median, done + inside, total),
                    "",
                )
            )
        done += found.timing.median
        title = "" if found.ops else found.title
        rows.append(
            (
                title,
                _WHOLE if found.ops else describe_block(found.key) or _WHOLE,
                found.shape,
                *_times(found.timing),
                *_shares(found.timing.median, done, total),
                _validity(found),
            )
        )
    return rows


def _names(unit: str, units: Sequence[Measurement]) -> Row:
    """Of the columns that :func:`_times` fills."""
    few = bool(units) and units[0].timing.maximum is not None
    return tuple(f"{name} {unit}" for name in (("min", "median", "max") if few else ("median", "p95")))


def _times(timing: Timing) -> Row:
    few = timing.maximum is not None
    shown = (timing.minimum, timing.median, timing.maximum) if few else (timing.median, timing.p95)
    return tuple(f"{figure:.1f}" for figure in shown)


def _shares(part: float, cumulated: float, total: float) -> Row:
    if total <= 0:
        return "", ""
    return f"{100 * part / total:.1f}", f"{100 * cumulated / total:.1f}"


def _validity(found: Measurement) -> str:
    return "" if found.validity is Validity.VALID else f"{found.validity.value}: {found.code}"


def _table(header: Row, rows: list[Row]) -> str:
    """Columns aligned, figures to the right; without the last column when it is empty, as it mostly is."""
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    figures = [_is_figure(name) for name in header]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, figures, strict=True)
        ).rstrip()
        for row in (header, tuple("-" * width for width in widths), *rows)
    ]
    return "\n".join(lines)


def _is_figure(name: str) -> bool:
    return name.startswith(("min", "median", "max", "p95")) or name.endswith("%")
