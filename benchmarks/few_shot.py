"""Few-shot prediction of whole networks: how well devices are ranked from 5, 10, 20 and 50 measurements.

    python benchmarks/few_shot.py                                      both spaces, a few minutes
    python benchmarks/few_shot.py --coverage                           intervals of every device, 50 draws
    python benchmarks/few_shot.py --measurements new_ms.npz            all devices of another file
    python benchmarks/few_shot.py --measurements new_ms.npz --devices pixel2 --without pixel

Each device is left out in turn: no known device used carries its name. Samples are the same for all methods, except
that "ours, chosen" picks its own. Written to --output: few_shot.md, few_shot.csv, few_shot.png; or coverage.md and
coverage.csv. Every number is a mean over draws; draw d of seed s takes numpy's default_rng([s, d]).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError, NascError
from nasc_search.fewshot.baselines import BASELINES
from nasc_search.fewshot.evaluate import (
    Evaluation,
    MeanStd,
    Plan,
    Protocol,
    Sampling,
    default_protocol,
    evaluate,
)
from nasc_search.fewshot.known import shipped
from nasc_search.measured.npz import Measurements, SpaceName, load_measurements

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DATA: Final = Path(os.environ.get("NASC_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_FILES: Final = {
    SpaceName.NB201: "nb201_latency_ms.npz",
    SpaceName.FBNET: "fbnet_cifar100_latency_ms.npz",
}
_DEVICES: Final = {
    SpaceName.NB201: ("raspi4", "pixel3", "fpga", "titan_rtx_1", "silver_4210r"),
    SpaceName.FBNET: ("raspi4", "pixel3", "fpga"),
}
_OURS: Final = {Sampling.RANDOM: "ours, random", Sampling.ACTIVE: "ours, chosen"}
_METHODS: Final = (*_OURS.values(), *BASELINES)
_STYLES: Final = (
    ("tab:blue", "-", "o"),
    ("tab:orange", "-", "s"),
    ("0.35", "--", "^"),
    ("0.55", ":", "v"),
    ("0.7", "-.", "d"),
)
"""Colour, line and marker of each method."""
_METRICS: Final = {"spearman": "Spearman", "kendall": "Kendall", "mape": "MAPE", "coverage90": "In 90 % interval"}
_SHARES: Final = ("mape", "coverage90")
_COVERAGE_SAMPLES: Final = (10, 20)
_COVERAGE_DRAWS: Final = 50
_ALLOWED: Final = (0.86, 0.94)
"""Coverage that counts as 90 %."""


@dataclass(frozen=True, slots=True)
class Case:
    """One file and the devices of it that are left out in turn."""

    measurements: Measurements
    file: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one device; ``spread`` is over draws."""

    space: SpaceName
    protocol: Protocol
    device: str
    samples: int
    draws: int
    tested: int
    """Architectures predicted."""
    known: tuple[str, ...]
    """Devices that the prior was made of."""
    method: str
    scores: dict[str, MeanStd]


def main() -> None:
    """Measure, write, print."""
    given = _parser().parse_args()
    try:
        cases = _cases(given)
        rows = _coverage(given, cases) if given.coverage else _few_shot(given, cases)
        _write(given, cases, rows)
    except NascError as error:
        sys.exit(f"few_shot: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    files = " and ".join(_FILES.values())
    add("--data", type=Path, default=_DATA, help=f"folder of {files} (default $NASC_SHARED_DATA or ../shared/data)")
    add("--measurements", type=Path, metavar="FILE", help="another file instead of the two; default: all its devices")
    add("--space", choices=list(SpaceName), help="of FILE, when it does not tell; without FILE, only this space")
    defaults = "; ".join(f"{space}: {','.join(names)}" for space, names in _DEVICES.items())
    add("--devices", type=_names, help=f"comma-separated (default with --data, {defaults})")
    add("--without", type=_names, default=(), metavar="NAMES", help="known devices that carry these names stay out too")
    add("--samples", type=_counts, help="comma-separated (default 5,10,20,50; with --coverage 10,20)")
    add("--draws", type=_count, help="repetitions with other samples (default 20; with --coverage 50)")
    add("--protocol", choices=list(Protocol), help="predict 900-1899, middle 80 %%, or all (default help, fbnet all)")
    add("--seed", type=int, default=0, help="of all draws (default 0)")
    add("--coverage", action="store_true", help="random samples, every device, both protocols: only the intervals")
    add("--output", type=Path, default=Path("few-shot"), metavar="DIR", help="folder to write to (default few-shot)")
    add("--json", action="store_true", help="print one JSON document instead of the Markdown")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(_count, text.split(",")))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number above 0 is needed")
    return number


def _cases(given: argparse.Namespace) -> list[Case]:
    """What to run; InputError for a file that is none and a device in no file."""
    space = SpaceName(given.space) if given.space else None
    if given.measurements:
        paths = [given.measurements]
    else:
        paths = [given.data / file for name, file in _FILES.items() if space in (None, name)]
    cases = []
    for path in paths:
        measurements = load_measurements(path, space)
        usual = measurements.devices if given.measurements or given.coverage else _DEVICES[measurements.space]
        devices = [name for name in given.devices if name in measurements.devices] if given.devices else usual
        cases.append(Case(measurements, path.name, tuple(devices)))
    missing = set(given.devices or ()) - {name for case in cases for name in case.devices}
    if missing:
        held = sorted({name for case in cases for name in case.measurements.devices})
        raise InputError(f"no device {', '.join(sorted(missing))}; there are {', '.join(held)}")
    return [case for case in cases if case.devices]


def _few_shot(given: argparse.Namespace, cases: Sequence[Case]) -> list[Row]:
    """Every device, number of samples and method; baselines have the random samples."""
    counts = given.samples or (5, 10, 20, 50)
    work = [
        (case, name, _protocol(given, case), sampling, count)
        for case in cases
        for name, sampling, count in product(case.devices, Sampling, counts)
    ]
    return [row for result in _run(given, work, given.draws or 20) for row in _rows(result)]


def _coverage(given: argparse.Namespace, cases: Sequence[Case]) -> list[Row]:
    work = [
        (case, name, protocol, Sampling.RANDOM, count)
        for case in cases
        for protocol in ([_protocol(given, case)] if given.protocol else _protocols(case))
        for name, count in product(case.devices, given.samples or _COVERAGE_SAMPLES)
    ]
    return [_rows(result)[0] for result in _run(given, work, given.draws or _COVERAGE_DRAWS)]


def _protocol(given: argparse.Namespace, case: Case) -> Protocol:
    return Protocol(given.protocol) if given.protocol else default_protocol(case.measurements.space)


def _protocols(case: Case) -> tuple[Protocol, ...]:
    return tuple(Protocol) if case.measurements.space is SpaceName.NB201 else (Protocol.ALL,)


def _run(
    given: argparse.Namespace, work: Sequence[tuple[Case, str, Protocol, Sampling, int]], draws: int
) -> Iterator[Evaluation]:
    """Evaluate one after the other, and say so on standard error."""
    for number, (case, name, protocol, sampling, count) in enumerate(work, 1):
        measurements = case.measurements
        table = shipped(measurements.space, measurements.quantity)
        for left_out in given.without:
            table = replace(table, devices=table.without(left_out))
        plan = Plan(name, count, draws, protocol, sampling, given.seed)
        result = evaluate(measurements, table.without(name), plan)
        found = ", ".join(f"{title} {_cell(metric, result.ours)}" for metric, title in _METRICS.items())
        what = f"{measurements.space} {protocol} {name}, {count} {sampling} samples"
        print(f"[{number}/{len(work)}] {what}: {found}", file=sys.stderr, flush=True)
        yield result


def _rows(result: Evaluation) -> list[Row]:
    """Ours, and after random samples the baselines."""
    methods = {_OURS[result.sampling]: result.ours}
    if result.sampling is Sampling.RANDOM:
        methods |= result.baselines
    return [
        Row(
            result.space, result.protocol, result.device, result.samples, result.draws, result.tested,
            result.prior_devices, method, scores,
        )
        for method, scores in methods.items()
    ]  # fmt: skip


def _write(given: argparse.Namespace, cases: Sequence[Case], rows: Sequence[Row]) -> None:
    document = {
        "machine": f"{platform.machine()}, {_processor()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "command": " ".join(["python", "benchmarks/few_shot.py", *sys.argv[1:]]),
        "files": [case.file for case in cases],
        "seeds": f"default_rng([{given.seed}, draw]), draw 0 to {rows[0].draws - 1}",
    }
    name = "coverage" if given.coverage else "few_shot"
    tables = _coverage_tables(rows) if given.coverage else _tables(rows)
    head = [f"{key}: {value if isinstance(value, str) else ', '.join(value)}  " for key, value in document.items()]
    text = "\n".join((f"# {name}", "", *head, *tables, ""))
    given.output.mkdir(parents=True, exist_ok=True)
    write_durably(given.output / f"{name}.md", text.encode())
    write_durably(given.output / f"{name}.csv", _csv(rows).encode())
    if not given.coverage:
        _plot(given.output / f"{name}.png", rows)
    print(json.dumps(document | {"rows": [asdict(row) for row in rows]}, indent=2) if given.json else text)
    print(f"written to {given.output}", file=sys.stderr)


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    facts = ("space", "protocol", "device", "samples", "draws", "tested", "method")
    writer.writerow((*facts, *(f"{metric}_{part}" for metric in _METRICS for part in ("mean", "std"))))
    for row in rows:
        spreads = [row.scores.get(metric) for metric in _METRICS]
        numbers = [value for spread in spreads for value in ((spread.mean, spread.std) if spread else ("", ""))]
        writer.writerow([*(getattr(row, fact) for fact in facts), *numbers])
    return out.getvalue()


def _tables(rows: Sequence[Row]) -> list[str]:
    """Markdown: of each space and metric, a row a device and method, a column a number of samples."""
    lines = []
    for space in dict.fromkeys(row.space for row in rows):
        ours = [row for row in rows if row.space is space]
        counts = list(dict.fromkeys(row.samples for row in ours))
        lines += ["", f"## {space}, protocol {ours[0].protocol}: {ours[0].tested} architectures, {ours[0].draws} draws"]
        for metric, title in _METRICS.items():
            lines += ["", f"### {title}, mean ± deviation over draws", ""]
            lines += _header("device", "method", *(f"{count} samples" for count in counts))
            for device, method in product((*dict.fromkeys(row.device for row in ours), None), _METHODS):
                own = [row for row in ours if row.method == method and metric in row.scores]
                if own:
                    cells = [_over(metric, [r for r in own if r.samples == count], device) for count in counts]
                    lines.append(_line(device or "**mean**", method, *cells))
    return lines


def _over(metric: str, rows: Sequence[Row], device: str | None) -> str:
    """One device's figure, or the mean of all: that has no deviation, as draws of all devices share their samples."""
    if device is None:
        return _number(metric, float(np.mean([row.scores[metric].mean for row in rows])))
    return _cell(metric, next(row.scores for row in rows if row.device == device))


def _coverage_tables(rows: Sequence[Row]) -> list[str]:
    """Markdown: a row a device, coverage with its standard error, and what lies outside marked."""
    low, high = _ALLOWED
    lines = []
    for space, protocol, count in dict.fromkeys((row.space, row.protocol, row.samples) for row in rows):
        own = [row for row in rows if (row.space, row.protocol, row.samples) == (space, protocol, count)]
        means = [row.scores["coverage90"].mean for row in own]
        outside = sum(not low <= mean <= high for mean in means)
        lines += ["", f"## {space}, protocol {protocol}, {count} random samples, {own[0].draws} draws", ""]
        lines += [f"Mean {np.mean(means):.1%}; {outside} of {len(own)} devices outside {low:.0%} to {high:.0%}.", ""]
        lines += _header("device", "in 90 % interval", "standard error", "deviation over draws", "Spearman", "outside")
        for row, mean in zip(own, means, strict=True):
            spread, mark = row.scores["coverage90"], "" if low <= mean <= high else "low" if mean < low else "high"
            error = f"{spread.std / np.sqrt(row.draws - 1):.1%}" if row.draws > 1 else "-"
            rank = _number("spearman", row.scores["spearman"].mean)
            lines.append(_line(row.device, f"{mean:.1%}", error, f"{spread.std:.1%}", rank, mark))
    return lines


def _header(*titles: str) -> list[str]:
    return [_line(*titles), _line(*["---"] * len(titles))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(metric: str, scores: dict[str, MeanStd]) -> str:
    return f"{_number(metric, scores[metric].mean)} ± {_number(metric, scores[metric].std)}"


def _number(metric: str, value: float) -> str:
    return f"{value:.1%}" if metric in _SHARES else f"{value:.3f}"


def _plot(path: Path, rows: Sequence[Row]) -> None:
    """Spearman over samples, a row of panels a space, the mean over devices last."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    spaces = list(dict.fromkeys(row.space for row in rows))
    panels = {space: (*dict.fromkeys(r.device for r in rows if r.space is space), None) for space in spaces}
    columns = max(map(len, panels.values()))
    figure = Figure(figsize=(2.6 * columns, 3.0 * len(spaces) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(spaces), columns, squeeze=False, sharey="row")
    for line, space in zip(axes, spaces, strict=True):
        own = [row for row in rows if row.space is space]
        for axis, device in zip(line, panels[space], strict=False):
            _panel(axis, [row for row in own if device in (row.device, None)])
            axis.set_title(f"{space}: {device or 'mean'}", fontsize=9)
        for axis in line[len(panels[space]) :]:
            axis.set_axis_off()
        line[0].set_ylabel("Spearman")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _panel(axis: Axes, rows: Sequence[Row]) -> None:
    counts = list(dict.fromkeys(row.samples for row in rows))
    for method, (colour, line, marker) in zip(_METHODS, _STYLES, strict=True):
        each = [[r.scores["spearman"] for r in rows if (r.method, r.samples) == (method, count)] for count in counts]
        mean = [np.mean([spread.mean for spread in spreads]) for spreads in each]
        deviation = [spreads[0].std if len(spreads) == 1 else 0.0 for spreads in each]
        axis.errorbar(
            counts, mean, deviation, color=colour, linestyle=line, marker=marker, markersize=4, capsize=2, label=method
        )  # fmt: skip
    axis.set_xscale("log")
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.minorticks_off()
    # What lies below ranks too badly to matter, and would press the rest together.
    axis.set_ylim(0.5, 1.005)
    axis.grid(alpha=0.3)
    axis.set_xlabel("samples", fontsize=8)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()


if __name__ == "__main__":
    main()
