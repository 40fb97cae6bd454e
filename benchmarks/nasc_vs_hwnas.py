"""The paper's experiment on the benchmarks' devices: NASC against HWNAS, every pair of board and server.

    python benchmarks/nasc_vs_hwnas.py                        all cases, some minutes; writes nasc-vs-hwnas/
    python benchmarks/nasc_vs_hwnas.py --figures docs/figures the plots of docs/nasc-vs-hwnas.md as well
    python benchmarks/nasc_vs_hwnas.py --only raspi4          cases whose name holds the word

A case leaves README.md, saved.csv, result.json and four plots in a folder of its name; summary.md is the table of
docs/nasc-vs-hwnas.md. The same files give the same bytes. FBNet's accuracies are predicted from those of a supernet in
benchmarks/data, where README.md tells their origin.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import NascError
from nasc_search.experiment.document import Document
from nasc_search.experiment.options import Options
from nasc_search.experiment.page import write_report
from nasc_search.experiment.plan import PRIMARY, SETTINGS, STATED_LOSS
from nasc_search.experiment.run import run
from nasc_search.experiment.strategies import Strategy
from nasc_search.measured.npz import SpaceName

_DATA: Final = Path(os.environ.get("NASC_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_OWN: Final = Path(__file__).resolve().parent / "data"
_LATENCIES: Final = {SpaceName.NB201: "nb201_latency_ms.npz", SpaceName.FBNET: "fbnet_cifar100_lut.json"}
_ACCURACIES: Final = {
    "cifar10": (SpaceName.NB201, "nb201_accuracy.npz:cifar10_test_200"),
    "cifar100": (SpaceName.NB201, "nb201_accuracy.npz:cifar100_test_200"),
    "fbnet": (SpaceName.FBNET, str(_OWN / "fbnet_accuracy.npz")),
}
"""Relative to the benchmarks' folder; the supernet's own are in this one."""
_BOARDS: Final = ("raspi4", "pixel3")
_SERVERS: Final = ("titan_rtx_1", "silver_4210r")
_SLOWED: Final = 4.0
_AGAINST: Final = (Strategy.HWNAS_LOCAL, Strategy.HWNAS_TRADED, Strategy.HWNAS_SPLIT)
_PICTURES: Final = {
    "cifar10-raspi4-titan_rtx_1": ("saved", "why", "settings", "fronts"),
    "cifar100-pixel3-titan_rtx_1": ("saved",),
    "fbnet-raspi4-titan_rtx_1": ("saved",),
    "cifar10-raspi4-x4-titan_rtx_1": ("saved",),
}
"""Shown in the documents."""


@dataclass(frozen=True, slots=True)
class Case:
    """A pair of devices and an accuracy."""

    accuracy: str
    board: str
    server: str
    slowdown: float = 1.0

    @property
    def name(self) -> str:
        """Of its folder."""
        slowed = f"-x{self.slowdown:g}" if self.slowdown != 1 else ""
        return f"{self.accuracy}-{self.board}{slowed}-{self.server}"

    def options(self, data: Path) -> Options:
        """What is run."""
        space, accuracy = _ACCURACIES[self.accuracy]
        board, server = (f"{data / _LATENCIES[space]}:{device}" for device in (self.board, self.server))
        return Options(space, str(data / accuracy), board, server, self.slowdown)


_CASES: Final = (
    *(Case(*case) for case in product(_ACCURACIES, _BOARDS, _SERVERS)),
    Case("cifar10", "raspi4", "titan_rtx_1", _SLOWED),
)


def main() -> int:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the benchmark's files")
    parser.add_argument("--output", type=Path, default=Path("nasc-vs-hwnas"))
    parser.add_argument("--figures", type=Path, help="folder for the documents' plots")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    asked = parser.parse_args()
    cases = [case for case in _CASES if asked.only in case.name]
    try:
        make_directory(asked.output)
        lines = [*_header()]
        for case in cases:
            print(case.name, file=sys.stderr, flush=True)
            document = run(case.options(asked.data))
            write_report(document, asked.output / case.name)
            lines += _rows(case, document)
        write_durably(asked.output / "summary.md", ("\n".join(lines) + "\n").encode())
        if asked.figures:
            _copy(asked.output, make_directory(asked.figures), {case.name for case in cases})
    except NascError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("\n".join(lines))
    return 0


def _header() -> tuple[str, str]:
    against = " | ".join(f"{base.value}: >= 40 / 50 / 60 %, mean" for base in _AGAINST)
    return f"| case | setting | limit ms | {against} |", "|---" * (3 + len(_AGAINST)) + "|"


def _rows(case: Case, document: Document) -> list[str]:
    rows = []
    for setting, limit_ms in product(SETTINGS, document.grid.looked_at_limits_ms):
        if setting != PRIMARY and limit_ms != document.grid.limits_ms[-1]:
            continue
        cells = [_cell(document, setting.name, base, limit_ms) for base in _AGAINST]
        rows.append(f"| {case.name} | {setting.name} | {limit_ms:.3g} | {' | '.join(cells)} |")
    return rows


def _cell(document: Document, setting: str, base: Strategy, limit_ms: float) -> str:
    shares = [
        f"{100 * entry.share:.0f}"
        for entry in document.region
        if (entry.setting, entry.baseline, entry.limit_ms) == (setting, base.value, limit_ms)
    ]
    key = setting, base.value, limit_ms, STATED_LOSS
    known = [
        value
        for entry in document.saved
        if (entry.setting, entry.baseline, entry.limit_ms, entry.points_lost) == key
        for row in entry.saved_percent
        for value in row
        if value is not None
    ]
    mean = f"{sum(known) / len(known):.0f} %" if known else "-"
    moved = [
        variant.share[base][1]
        for variant in document.uncertainty
        if (variant.limit_ms, variant.loss_scale, setting) == (limit_ms, 1, PRIMARY.name) and not variant.is_ranked_anew
    ]
    anew = [
        f"; {100 * variant.share[base][1]:.0f}"
        for variant in document.uncertainty
        if (variant.limit_ms, setting) == (limit_ms, PRIMARY.name) and variant.is_ranked_anew
    ]
    span = f" ({100 * min(moved):.0f}-{100 * max(moved):.0f}{''.join(anew)})" if moved else ""
    return f"{shares[0]} / {shares[1]}{span} / {shares[2]}, {mean}"


def _copy(output: Path, figures: Path, done: set[str]) -> None:
    for case, pictures in _PICTURES.items():
        for picture in pictures if case in done else ():
            shutil.copyfile(output / case / f"{picture}.png", figures / f"nasc_vs_hwnas_{case}_{picture}.png")


if __name__ == "__main__":
    raise SystemExit(main())
