"""Run ``nasc-vs-hwnas``: from sources to the document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.experiment import plan
from nasc_search.experiment.anatomy import IMAGE, Anatomy
from nasc_search.experiment.assumptions import assumptions
from nasc_search.experiment.coding import code_cuts, load_coding
from nasc_search.experiment.document import (
    FRONT_POINTS,
    VERSION,
    AccuracyEntry,
    Document,
    FrontEntry,
    RegionEntry,
    SavedEntry,
    WhyEntry,
    numbers,
)
from nasc_search.experiment.enumerated import Enumerated
from nasc_search.experiment.layered import SUFFIX, Layered
from nasc_search.experiment.options import Options
from nasc_search.experiment.plan import PRIMARY, SETTINGS, STATED_LOSS, THRESHOLDS_PERCENT, Grid, Setting
from nasc_search.experiment.pool import Front, LinkState
from nasc_search.experiment.strategies import Contest, Strategy
from nasc_search.experiment.sweep import Swept, sweep
from nasc_search.experiment.uncertainty import share_reached, vary
from nasc_search.experiment.world import World
from nasc_search.measured.npz import SpaceName

Tell = Callable[[str], None]


def run(options: Options, tell: Tell = lambda _: None) -> Document:
    """The whole experiment; ``tell`` hears of its progress.

    Raises InputError for sources and options that cannot be used, InfeasibleError when no strategy has anything
    within any limit.
    """
    tell("reading")
    world = _open(options)
    anatomy, chosen = world.anatomy, options.apportioning
    pool = world.pool(chosen, chosen)
    table = load_coding(options.coding)
    code = partial(code_cuts, anatomy, table, options.raw_bytes, options.raw_ratio, *world.ms_per_mac)
    coding, fixed_cut = code(), _fixed_cut(anatomy, options.fixed_cut)
    grid = Grid(options.throughputs_mbit_s, options.round_trips_ms, options.limits_ms or plan.usual_limits_ms(pool))
    contests = {setting: Contest.build(pool, coding, setting, fixed_cut) for setting in SETTINGS}
    _check_feasible(contests[plan.FREEST], grid)
    swept = {setting: sweep(contest, grid, _telling(tell, setting.name)) for setting, contest in contests.items()}
    variants = vary(world, code, chosen, grid, fixed_cut, tell)
    board, server = world.devices
    encoded = int(np.isfinite(coding.points_lost).sum())
    results = _Results(grid, contests, swept)
    return Document(
        experiment="nasc-vs-hwnas",
        version=VERSION,
        space=options.space.value,
        architectures=world.architectures,
        candidates=_times(world.architectures, encoded),
        accuracy_source=options.accuracy,
        accuracy_unit=world.accuracy_unit,
        accuracy_is_proxy=world.is_proxy,
        best_accuracy_percent=round(world.best_accuracy_percent, 4),
        prediction=world.prediction,
        board=board,
        server=server,
        cuts=[str(spec) for spec in anatomy.cuts],
        apportioning=chosen.value,
        fixed_cut=fixed_cut,
        assumptions=list(assumptions(options, world, fixed_cut)),
        notes=list(world.notes),
        coding=list(table.rows),
        grid=grid,
        saved=results.saved(),
        accuracy_under_limit=results.accuracy(),
        region=results.region(),
        why=results.why(),
        fronts=results.fronts(),
        uncertainty=list(variants),
    )


def _times(architectures: int | str, each: int) -> int | str:
    return architectures * each if isinstance(architectures, int) else f"{architectures} x {each}"


def _telling(tell: Tell, name: str) -> Tell:
    return lambda text: tell(f"{name}: {text}")


def _open(options: Options) -> World:
    """By the form of the files; both devices must have the same."""
    of_layers = [f"{SUFFIX}:" in text for text in (options.board, options.server)]
    if any(of_layers) and not (all(of_layers) and options.space is SpaceName.FBNET):
        raise InputError(f"board and server are both FILE.npz:DEVICE, or both FILE{SUFFIX}:DEVICE with --space fbnet")
    world: World = Layered.open(options) if all(of_layers) else Enumerated.open(options)
    if options.apportioning not in world.apportionings:
        known = ", ".join(how.value for how in world.apportionings)
        raise InputError(f"apportioning {options.apportioning.value!r} is not one of {known}, which these files allow")
    return world


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
                        entries.append(_front(setting, strategy, link, contest, front))
        return entries


def _front(setting: Setting, strategy: Strategy, link: LinkState, contest: Contest, front: Front) -> FrontEntry:
    encodings, points = contest.coding.encodings, len(front.cut)
    kept = np.unique(np.linspace(0, points - 1, min(points, FRONT_POINTS)).round().astype(np.int64))
    return FrontEntry(
        setting.name, strategy.value, link.throughput_mbit_s, link.round_trip_ms,
        front.latency_ms[kept].round(3).tolist(), front.accuracy_percent[kept].round(3).tolist(),
        contest.pool.names[front.row[kept]].tolist(), front.cut[kept].tolist(),
        [str(encodings[cut][code]) for cut, code in zip(front.cut[kept], front.encoding[kept], strict=True)],
    )  # fmt: skip
