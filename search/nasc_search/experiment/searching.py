"""One search of NAS-Bench-201's cells and cuts by evaluations: from sources to its best candidate.

Accuracy is the expensive evaluation, of a table or of a user's function; latencies are known in advance. Cuts carry
int8 tensors as they are; cut 0 carries the raw image.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.accuracy.ranking import kendall, spearman
from nasc_search.algorithms.cells_and_cuts import CUT, cell_problem, cells_of, violations
from nasc_search.algorithms.choice import AlgorithmName, open_algorithm
from nasc_search.algorithms.problem import Outcome, Point
from nasc_search.algorithms.run import Progress, Search, load_checkpoint, run
from nasc_search.experiment.anatomy import Anatomy, Array, anatomy_of
from nasc_search.experiment.apportion import Apportioning, apportion, fit
from nasc_search.experiment.pool import LinkState
from nasc_search.experiment.sources import Source, read_accuracies, read_device
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import format_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

Accuracy = Callable[[str], float]
"""Of an architecture's string: 0..1."""
_FEWEST_COMPARED: Final = 3


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
class Compared:
    """The user's function against the table, on what was evaluated."""

    cells: int
    spearman: float
    kendall: float
    mean_error: float
    """In accuracy, 0..1."""


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
    compared: Compared | None
    notes: tuple[str, ...]


def search_cells(options: SearchOptions, tell: Callable[[Progress], None] = lambda _: None) -> Found:
    """Search within a budget; ``tell`` hears of every evaluation.

    Raises InputError for sources, functions or saved searches that cannot be used, InfeasibleError when no candidate
    keeps the limit.
    """
    table = None
    if options.accuracy_table:
        table = read_accuracies(Source.parse(options.accuracy_table), SpaceName.NB201)
    anatomy = anatomy_of(SpaceName.NB201)
    latency, notes = _latency_ms(options, anatomy, set(table) if table and not options.accuracy_callable else None)
    violation = violations(latency, options.limit_ms)
    feasible = (violation <= 0).any(axis=1)
    notes += _limit_notes(options, violation, feasible)
    function = _function(options.accuracy_callable) if options.accuracy_callable else _of_table(table or {})
    optimum = None
    if table and not options.accuracy_callable:
        optimum = max(table[(cell,)] for cell in np.flatnonzero(feasible).tolist()) / 100
    algorithm = open_algorithm(options.algorithm, cell_problem(len(anatomy.cuts), violation), options.seed)
    search = Search(algorithm, optimum, options.about)
    if options.resume is not None and options.resume.exists():
        search.restore(load_checkpoint(options.resume))

    def evaluate(point: Point) -> Outcome:
        return Outcome((_accuracy(function, point),), float(violation[_cell(point), point[CUT]]))

    ended = run(search, evaluate, options.budget, options.resume, tell)
    assert ended.best is not None
    point, outcome = ended.best
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
        compared=_compare(search, table) if table and options.accuracy_callable else None,
        notes=tuple(notes),
    )


def _latency_ms(
    options: SearchOptions, anatomy: Anatomy, wanted: set[tuple[int, ...]] | None
) -> tuple[Array, list[str]]:
    """[15625, cuts] of all candidates; not a number where a source lacks the cell."""
    devices = [read_device(Source.parse(text), SpaceName.NB201) for text in (options.board, options.server)]
    cells = sorted(set(devices[0].arch.tolist()) & set(devices[1].arch.tolist()))
    cells = [cell for cell in cells if wanted is None or (cell,) in wanted]
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


def _of_table(table: dict[tuple[int, ...], float]) -> Accuracy:
    index = {format_arch(ops): cell for cell, ops in enumerate(benchmark_ops().tolist())}
    return lambda arch: table[(index[arch],)] / 100


def _function(name: str) -> Accuracy:
    """The user's function; modules are looked for in the present folder as well."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(f"{name!r} is not module:function")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise InputError(f"{name!r} is no function but {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def _accuracy(function: Accuracy, point: Point) -> float:
    arch = format_arch(point[:CUT])
    value = function(arch)
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise InputError(f"the accuracy of {arch} is {value!r}; a number from 0 to 1 is needed")
    return float(value)


def _cell(point: Point) -> int:
    return int(cells_of(np.array([point], np.int64))[0])


def _compare(search: Search, table: dict[tuple[int, ...], float]) -> Compared | None:
    """None for fewer than three cells that both know."""
    pairs = {
        _cell(point): outcome.objectives[0] for point, outcome in search.told if (_cell(point),) in table
    }
    if len(pairs) < _FEWEST_COMPARED:
        return None
    told = np.array(list(pairs.values()))
    known = np.array([table[(cell,)] / 100 for cell in pairs])
    return Compared(len(pairs), spearman(told, known), kendall(told, known), float(np.abs(told - known).mean()))
