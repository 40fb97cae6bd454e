"""Run ``nasc-vs-hwnas``: from sources to the document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.experiment import plan
from nasc_search.experiment.anatomy import IMAGE, Anatomy, Array, anatomy_of
from nasc_search.experiment.apportion import Apportioned, Apportioning, Fit, apportion, fit
from nasc_search.experiment.assumptions import assumptions
from nasc_search.experiment.coding import Coding, code_cuts, load_coding
from nasc_search.experiment.document import (
    VERSION,
    AccuracyEntry,
    DeviceEntry,
    Document,
    FrontEntry,
    RegionEntry,
    SavedEntry,
    WhyEntry,
    numbers,
)
from nasc_search.experiment.plan import PRIMARY, SETTINGS, STATED_LOSS, THRESHOLDS_PERCENT, Grid, Setting
from nasc_search.experiment.pool import Front, LinkState, Pool
from nasc_search.experiment.sources import Subject, read_subject
from nasc_search.experiment.strategies import Contest, Strategy
from nasc_search.experiment.sweep import Swept, sweep
from nasc_search.experiment.uncertainty import share_reached, vary
from nasc_search.measured.npz import SpaceName

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user asks for."""

    space: SpaceName
    accuracy: str
    """``FILE.npz:KEY``, or ``macs`` for FBNet."""
    board: str
    server: str
    board_slowdown: float = 1.0
    server_slowdown: float = 1.0
    raw_bytes: int = IMAGE.elements
    raw_ratio: float = 0.73
    """Compressed size of an image over its raw size."""
    apportioning: Apportioning = Apportioning.FITTED
    coding: Path | None = None
    fixed_cut: int | None = None
    """Stated cut of that baseline; None: after the first block that halves the map."""
    throughputs_mbit_s: tuple[float, ...] = plan.THROUGHPUTS_MBIT_S
    round_trips_ms: tuple[float, ...] = plan.ROUND_TRIPS_MS
    limits_ms: tuple[float, ...] = ()
    """Empty: five, from the board's own networks."""

    def __post_init__(self) -> None:
        slowdowns = self.board_slowdown, self.server_slowdown
        if not all(np.isfinite(value) and value > 0 for value in slowdowns):
            raise InputError(f"slow-downs {slowdowns} are not all positive numbers")
        if self.raw_bytes < 1 or not 0 < self.raw_ratio <= 1:
            raise InputError(f"raw input of {self.raw_bytes} bytes at a ratio of {self.raw_ratio}: 1 or more, 0 to 1")


@dataclass(frozen=True, slots=True)
class _Device:
    """Totals, what they say, and how they fall to blocks."""

    total_ms: Array
    fitted: Fit
    shares: dict[Apportioning, Apportioned]


def run(options: Options, tell: Tell = lambda _: None) -> Document:
    """The whole experiment; ``tell`` hears of its progress.

    Raises InputError for sources and options that cannot be used, InfeasibleError when no strategy has anything
    within any limit.
    """
    tell("reading")
    subject = read_subject(options.space, options.accuracy, options.board, options.server)
    anatomy = anatomy_of(subject.space)
    board = _device(anatomy, subject, subject.board_ms * options.board_slowdown)
    server = _device(anatomy, subject, subject.server_ms * options.server_slowdown)
    chosen = options.apportioning
    pool = Pool.build(subject.accuracy_percent, board.shares[chosen], server.shares[chosen])
    table = load_coding(options.coding)
    code = partial(
        code_cuts, anatomy, table, options.raw_bytes, options.raw_ratio, board.fitted.ms_per_mac,
        server.fitted.ms_per_mac,
    )  # fmt: skip
    coding, fixed_cut = code(), _fixed_cut(anatomy, options.fixed_cut)
    grid = Grid(options.throughputs_mbit_s, options.round_trips_ms, options.limits_ms or plan.usual_limits_ms(pool))
    contests = {setting: Contest.build(pool, coding, setting, fixed_cut) for setting in SETTINGS}
    _check_feasible(contests[plan.FREEST], grid)
    swept = {setting: sweep(contest, grid, _telling(tell, setting.name)) for setting, contest in contests.items()}
    variants = vary(subject.accuracy_percent, board.shares, server.shares, code, chosen, grid, fixed_cut, tell)
    results = _Results(subject, grid, contests, swept)
    return Document(
        experiment="nasc-vs-hwnas",
        version=VERSION,
        space=subject.space.value,
        architectures=subject.size,
        candidates=subject.size * int(np.isfinite(coding.points_lost).sum()),
        accuracy_source=options.accuracy,
        accuracy_is_proxy=subject.is_proxy,
        best_accuracy_percent=round(float(subject.accuracy_percent.max()), 4),
        board=_entry(options.board, options.board_slowdown, board),
        server=_entry(options.server, options.server_slowdown, server),
        cuts=[str(spec) for spec in anatomy.cuts],
        apportioning=chosen.value,
        fixed_cut=fixed_cut,
        assumptions=list(assumptions(options, anatomy, subject, fixed_cut)),
        notes=list(subject.notes),
        coding=list(table.rows),
        grid=grid,
        saved=results.saved(),
        accuracy_under_limit=results.accuracy(),
        region=results.region(),
        why=results.why(),
        fronts=results.fronts(),
        uncertainty=list(variants),
    )


def _telling(tell: Tell, name: str) -> Tell:
    return lambda text: tell(f"{name}: {text}")


def _device(anatomy: Anatomy, subject: Subject, total_ms: Array) -> _Device:
    fitted = fit(anatomy, subject.arch, total_ms)
    shares = {how: apportion(anatomy, subject.arch, total_ms, fitted, how) for how in Apportioning}
    return _Device(total_ms, fitted, shares)


def _entry(source: str, slowdown: float, device: _Device) -> DeviceEntry:
    low, middle, high = np.percentile(device.total_ms, (0, 50, 100)).round(4).tolist()
    return DeviceEntry(
        source, slowdown, low, middle, high, device.fitted.reach.value, round(device.fitted.r2, 4),
        float(f"{device.fitted.residual_ms:.3g}"),
    )  # fmt: skip


def _fixed_cut(anatomy: Anatomy, asked: int | None) -> int:
    last = len(anatomy.cuts) - 1
    if asked is None:
        return next(cut for cut, spec in enumerate(anatomy.cuts) if spec.height < IMAGE.height)
    if not 0 < asked < last:
        raise InputError(f"cut {asked} does not split; {anatomy.space.value} has interior cuts 1 to {last - 1}")
    return asked


def _check_feasible(contest: Contest, grid: Grid) -> None:
    """In the freest setting, over the best link."""
    best = contest.joint.front(LinkState(grid.throughputs_mbit_s[-1], grid.round_trips_ms[0]))
    if best.most_accurate(grid.limits_ms[-1]) is None:
        raise InfeasibleError(
            f"no candidate answers within {grid.limits_ms[-1]:g} ms over any of the links",
            (f"the fastest takes {best.latency_ms[0]:.3g} ms: give --limits-ms above that",),
        )


@dataclass(frozen=True, slots=True)
class _Results:
    """What was found, as the entries of the document."""

    subject: Subject
    grid: Grid
    contests: dict[Setting, Contest]
    swept: dict[Setting, Swept]

    def saved(self) -> list[SavedEntry]:
        return [
            SavedEntry(setting.name, base.value, limit_ms, lost, numbers(values[limit]))
            for setting, found in self.swept.items()
            for (base, lost), values in found.saved_percent.items()
            for limit, limit_ms in enumerate(self.grid.limits_ms)
        ]

    def accuracy(self) -> list[AccuracyEntry]:
        return [
            AccuracyEntry(setting.name, strategy.value, limit_ms, numbers(values[limit], 3))
            for setting, found in self.swept.items()
            for strategy, values in found.accuracy_percent.items()
            for limit, limit_ms in enumerate(self.grid.limits_ms)
        ]

    def region(self) -> list[RegionEntry]:
        return [
            RegionEntry(
                setting.name, base.value, limit_ms, lost, least, round(share_reached(values[limit], least), 4)
            )
            for setting, found in self.swept.items()
            for (base, lost), values in found.saved_percent.items()
            if lost == STATED_LOSS
            for limit, limit_ms in enumerate(self.grid.limits_ms)
            for least in THRESHOLDS_PERCENT
        ]

    def why(self) -> list[WhyEntry]:
        return [
            WhyEntry(setting.name, limit_ms, found.why[limit].tolist(), found.chosen_cut[limit].tolist())
            for setting, found in self.swept.items()
            for limit, limit_ms in enumerate(self.grid.limits_ms)
        ]

    def fronts(self) -> list[FrontEntry]:
        """All links in the primary setting, the shown ones in the others."""
        entries = []
        for setting, contest in self.contests.items():
            for at in np.ndindex(self.grid.shape) if setting == PRIMARY else self.grid.shown:
                link = self.grid.link(*at)
                for strategy in Strategy:
                    front = None if strategy is Strategy.HWNAS_TRADED else contest.front(strategy, link)
                    if front is not None:
                        entries.append(self._front(setting, strategy, link, contest.coding, front))
        return entries

    def _front(self, setting: Setting, strategy: Strategy, link: LinkState, coding: Coding, front: Front) -> FrontEntry:
        rows = self.subject.row[front.row]
        return FrontEntry(
            setting.name, strategy.value, link.throughput_mbit_s, link.round_trip_ms,
            front.latency_ms.round(3).tolist(), front.accuracy_percent.round(3).tolist(), rows.tolist(),
            front.cut.tolist(),
            [str(coding.encodings[cut][code]) for cut, code in zip(front.cut, front.encoding, strict=True)],
        )  # fmt: skip
