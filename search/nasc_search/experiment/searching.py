"""One search of NAS-Bench-201's cells and cuts by evaluations: from sources to its best candidate.

Accuracy is the expensive evaluation, of a table or of a user's function; latencies are known in advance. Cuts carry
int8 tensors as they are; cut 0 carries the raw image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.accuracy.agreement import Agreement
from nasc_search.accuracy.function import FunctionSource, UserFunction
from nasc_search.accuracy.source import OutsideSource
from nasc_search.accuracy.table import TableSource
from nasc_search.algorithms.cells_and_cuts import CUT, cell_problem, cells_of, violations
from nasc_search.algorithms.choice import AlgorithmName, open_algorithm
from nasc_search.algorithms.problem import Outcome, Point
from nasc_search.algorithms.run import Progress, Search, load_checkpoint, run
from nasc_search.experiment.anatomy import Anatomy, Array, anatomy_of
from nasc_search.experiment.apportion import Apportioning, apportion, fit
from nasc_search.experiment.pool import LinkState
from nasc_search.experiment.sources import read_device
from nasc_search.measured.entry import Entry
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import Macro, NB201Space, format_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

_SPACE: Final = NB201Space(Macro(TensorSpec(32, 32, 3), classes=10))
"""Whatever its size: sources know cells alone."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a user asks for."""

    board: str
    server: str
    limit_ms: float
    link: LinkState
    accuracy_table: str | None = None
    accuracy_callable: str | None = None
    """``module:function``; the table, where both are given, is what it is compared with."""
    algorithm: AlgorithmName = AlgorithmName.MODEL
    seed: int = 0
    budget: int = 100
    apportioning: Apportioning = Apportioning.FITTED
    resume: Path | None = None

    def __post_init__(self) -> None:
        if not self.accuracy_table and not self.accuracy_callable:
            raise InputError("nothing tells accuracies: give --accuracy-table, --accuracy-callable, or both")
        if not (math.isfinite(self.limit_ms) and self.limit_ms > 0):
            raise InputError(f"a latency limit is a positive number of milliseconds, not {self.limit_ms}")
        if not (self.link.throughput_mbit_s > 0 and 0 <= self.link.round_trip_ms < math.inf):
            raise InputError(f"{self.link} is no link: throughput is above 0, the round trip 0 or more")

    @property
    def about(self) -> str:
        """What a saved search belongs to."""
        source = self.accuracy_callable or self.accuracy_table
        names = [Path(text).name for text in (str(source), self.board, self.server)]
        link = f"{self.link.throughput_mbit_s:g} Mbit/s and {self.link.round_trip_ms:g} ms"
        return f"{' with '.join(names)} by {self.apportioning} over {link} within {self.limit_ms:g} ms"


@dataclass(frozen=True, slots=True)
class Found:
    """The best candidate of a search."""

    algorithm: str
    seed: int
    arch: str
    cut: int
    cut_tensor: str
    """What crosses."""
    latency_ms: float
    accuracy: float
    evaluations: int
    asked: int
    gap: float | None
    """Relative, to the optimum; None where it is not known."""
    feasible_cells: int
    compared: Agreement | None
    """The user's function with the table, on what was evaluated."""
    notes: tuple[str, ...]


def search_cells(options: SearchOptions, tell: Callable[[Progress], None] = lambda _: None) -> Found:
    """Search within a budget; ``tell`` hears of every evaluation.

    Raises InputError for sources, functions or saved searches that cannot be used, InfeasibleError when no candidate
    keeps the limit.
    """
    table = TableSource.open(Entry.parse(options.accuracy_table), _SPACE) if options.accuracy_table else None
    function = FunctionSource(UserFunction.load(options.accuracy_callable)) if options.accuracy_callable else None
    source: OutsideSource | None = function or table
    assert source is not None
    anatomy = anatomy_of(SpaceName.NB201)
    accuracy = None if function else source.estimate([format_arch(ops) for ops in benchmark_ops().tolist()])
    latency, notes = _latency_ms(options, anatomy, accuracy)
    violation = violations(latency, options.limit_ms)
    feasible = (violation <= 0).any(axis=1)
    notes += _limit_notes(options, violation, feasible)
    optimum = None if accuracy is None else float(accuracy[feasible].max())
    algorithm = open_algorithm(options.algorithm, cell_problem(len(anatomy.cuts), violation), options.seed)
    search = Search(algorithm, optimum, options.about)
    if options.resume is not None and options.resume.exists():
        search.restore(load_checkpoint(options.resume))

    def evaluate(point: Point) -> Outcome:
        return Outcome((source.evaluate(format_arch(point[:CUT])),), float(violation[_cell(point), point[CUT]]))

    ended = run(search, evaluate, options.budget, options.resume, tell)
    assert ended.best is not None
    point, outcome = ended.best
    told = {format_arch(point[:CUT]): outcome.objectives[0] for point, outcome in search.told}
    return Found(
        algorithm=options.algorithm.value,
        seed=options.seed,
        arch=format_arch(point[:CUT]),
        cut=point[CUT],
        cut_tensor=str(anatomy.cuts[point[CUT]]),
        latency_ms=round(float(latency[_cell(point), point[CUT]]), 4),
        accuracy=outcome.objectives[0],
        evaluations=ended.evaluations,
        asked=ended.asked,
        gap=ended.gap,
        feasible_cells=int(feasible.sum()),
        compared=Agreement.of(told, table.known) if table and function else None,
        notes=tuple(notes),
    )


def _latency_ms(
    options: SearchOptions, anatomy: Anatomy, accuracy: Array | None
) -> tuple[Array, list[str]]:
    """[15625, cuts] of all candidates; not a number where a source lacks the cell, also that of ``accuracy``."""
    devices = [read_device(Entry.parse(text), SpaceName.NB201) for text in (options.board, options.server)]
    cells = sorted(set(devices[0].arch.tolist()) & set(devices[1].arch.tolist()))
    cells = [cell for cell in cells if accuracy is None or not np.isnan(accuracy[cell])]
    if not cells:
        raise InputError("accuracies, board and server have no cell in common: give files that measure the same ones")
    arch = np.array(cells, np.int64)
    parts = []
    for device in devices:
        place = {cell: row for row, cell in enumerate(device.arch.tolist())}
        (values,) = device.devices.values()
        total = values[[place[cell] for cell in cells]]
        parts.append(apportion(anatomy, arch, total, fit(anatomy, arch, total), options.apportioning))
    transfer = options.link.transfer_ms(np.array([spec.elements for spec in anatomy.cuts], np.float64))
    transfer[-1] = 0.0
    latency = np.full((CELLS, len(anatomy.cuts)), np.nan)
    latency[arch] = parts[0].head_ms + parts[1].tail_ms + transfer
    missing = CELLS - len(cells)
    return latency, [f"{missing} cells are not in all sources and are never chosen"] if missing else []


def _limit_notes(options: SearchOptions, violation: Array, feasible: np.ndarray[Any, np.dtype[np.bool_]]) -> list[str]:
    """What to say of the limit; InfeasibleError when nothing keeps it."""
    below = options.limit_ms <= options.link.round_trip_ms
    trip = f"the limit of {options.limit_ms:g} ms is below the round trip of {options.link.round_trip_ms:g} ms"
    if not feasible.any():
        fastest = options.limit_ms * (1 + float(violation.min()))
        raise InfeasibleError(
            f"{trip}, and nothing on the board alone keeps it" if below else "no candidate keeps the limit",
            (f"the fastest candidate takes {fastest:.3g} ms: give --limit-ms above that",),
        )
    return [f"{trip}: only the board alone can keep it"] if below else []


def _cell(point: Point) -> int:
    return int(cells_of(np.array([point], np.int64))[0])
