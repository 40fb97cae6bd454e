"""Figures: drawn by matplotlib without any window or global state, as inline SVG of a page or as a PNG file.

Colours leave here as CSS variables (``var(--split)``), so that the page's light and dark themes colour the plots
too; text stays text, in the page's font. The same values give the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Final

from nasc_sdk.errors import MissingExtraError

_DPI: Final = 120

INK: Final = "#1c1c1e"
MUTED: Final = "#6b6b70"
GRID: Final = "#e1e1e4"
LIMIT: Final = "#c8102e"
LOCAL: Final = "#1b7f5c"
SPLIT: Final = "#2457c5"
EDGE: Final = "#b8500f"
FALLBACK: Final = "#8a3fb0"
PREDICTED: Final = "#8d8d93"
MEASURED: Final = "#0b7285"
PAGE: Final = "#fefefe"
_VARIABLES: Final = {
    INK: "--ink", MUTED: "--muted", GRID: "--grid", LIMIT: "--limit", LOCAL: "--local", SPLIT: "--split",
    EDGE: "--edge", FALLBACK: "--fallback", PREDICTED: "--predicted", MEASURED: "--measured", PAGE: "--page",
}  # fmt: skip
_STYLE: Final[dict[Any, Any]] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8.5, "axes.titlesize": 9.5,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "axes.titlecolor": INK,
    "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True,
    "grid.color": GRID, "grid.linewidth": 0.7, "figure.facecolor": "none", "axes.facecolor": "none",
    "savefig.facecolor": "none", "legend.frameon": False, "legend.fontsize": 8, "svg.fonttype": "none",
    "path.simplify": False,
}  # fmt: skip


def png(size: tuple[float, float], paint: Callable[[Any], None]) -> bytes:
    """A figure of its own, inches, as a PNG file on a light page. Raises MissingExtraError without matplotlib."""
    data = io.BytesIO()
    with _figure({"figure.facecolor": PAGE, "savefig.facecolor": PAGE}, size, paint) as figure:
        figure.savefig(data, format="png", dpi=_DPI, metadata={"Software": None})
    return data.getvalue()


def svg(name: str, size: tuple[float, float], paint: Callable[[Any], None]) -> str:
    """The same as an element of an HTML page, called ``name``; the page has its colours and its font."""
    text = io.StringIO()
    # A salt of its own for each plot: ids stay unique in the page, and are the same every time.
    with _figure({"svg.hashsalt": name}, size, paint) as figure:
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _inline(text.getvalue(), name)


def grid(figure: Any, count: int, columns: int) -> list[Any]:
    """Axes side by side, row after row."""
    columns = min(columns, max(count, 1))
    rows = max(math.ceil(count / columns), 1)
    return [figure.add_subplot(rows, columns, number + 1) for number in range(count)]


def legend_below(figure: Any, markerscale: float = 1.0) -> None:
    """One legend for all axes: what they share is said once."""
    found: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        columns = min(len(found), 5)
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns,
                      markerscale=markerscale)  # fmt: skip


def log_scale(axis: Any, values: Iterable[float]) -> None:
    """Log scale with plain numbers as tick labels, dense enough on a short range."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    usable = [value for value in values if positive(value)] or [1.0]
    low, high = min(usable), max(usable)
    axis.axes.set(**{f"{axis.axis_name}scale": "log", f"{axis.axis_name}lim": (low / 1.15, high * 1.15)})
    ratio = high / low
    subs = range(1, 10) if ratio < 6 else (1, 2, 5) if ratio < 300 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=30))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def plain(text: str) -> str:
    """Text that matplotlib takes as it is: no formulas between dollar signs, no line breaks or control characters."""
    return "".join(char if char.isprintable() else " " for char in text).replace("$", r"\$")


def finite(value: float) -> float:
    """As it is drawn: 0 where there is none."""
    return value if math.isfinite(value) else 0.0


def positive(value: float) -> bool:
    """Whether a log scale can show it."""
    return math.isfinite(value) and value > 0


@contextlib.contextmanager
def _figure(style: dict[Any, Any], size: tuple[float, float], paint: Callable[[Any], None]) -> Iterator[Any]:
    """Painted, and saved in the same style."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "report") from error
    with rc_context({**_STYLE, **style}), warnings.catch_warnings():
        # The browser has the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        yield figure


def _inline(svg: str, name: str) -> str:
    """A whole SVG document as an element of an HTML page, coloured by the page."""
    body = svg[svg.index("<defs>") :]
    # Every tag starts with "<", which matplotlib escapes in text: none of these touches what a user wrote.
    body = re.sub(r"<style type=.text/css.>.*?</style>", "", body)
    body = re.sub(r'<g id="[\w.]+">', "<g>", body)
    body = body.replace("<use xlink:href=", "<use href=")
    body = re.sub(r'(<[^<>]* style=")([^"]*)', lambda tag: tag[1] + _themed(tag[2]), body)
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0]
    return (
        f'<svg role="img" aria-label="{escape(name)}" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}">{body.rstrip()}'
    )


def _themed(style: str) -> str:
    style = re.sub(r" ?font-family: [^;]*;?", "", style)
    for colour, variable in _VARIABLES.items():
        style = style.replace(colour, f"var({variable})")
    return style
