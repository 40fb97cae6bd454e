"""How far conclusions move with what the totals do not tell: the apportioning, the points that encodings
lose, and the prediction of accuracies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from nasc_search.experiment.anatomy import Array
from nasc_search.experiment.apportion import Apportioning
from nasc_search.experiment.coding import Coding
from nasc_search.experiment.plan import PRIMARY, STATED_LOSS, THRESHOLDS_PERCENT, Grid
from nasc_search.experiment.strategies import Contest, Strategy
from nasc_search.experiment.sweep import saved_percent
from nasc_search.experiment.world import World

LOSS_SCALES: Final = (0.0, 1.0, 2.0, 4.0)
"""The assumed points that encodings lose, times this."""
LOOKED_AT: Final = (Strategy.HWNAS_LOCAL, Strategy.HWNAS_TRADED, Strategy.HWNAS_SPLIT)


@dataclass(frozen=True, slots=True)
class Variant:
    """Conclusions under other assumptions: primary setting, one limit, half a point lost."""

    is_ranked_anew: bool
    """Whether accuracies are the full prediction's; see experiment/layered.py."""
    board: Apportioning
    server: Apportioning
    loss_scale: float
    limit_ms: float
    share: dict[Strategy, tuple[float, ...]]
    """By baseline: part of the grid's links where at least 40, 50, 60 % is saved."""
    mean_saved_percent: dict[Strategy, float]
    """Over all links, NaN where the baseline has nothing to offer."""


def share_reached(saved: Array, threshold_percent: float) -> float:
    """Part of the links where so much is saved; links without a baseline count as not."""
    return float(np.mean(np.nan_to_num(saved, nan=-np.inf) >= threshold_percent))


def vary(
    world: World, coding_at: Callable[[float], Coding], chosen: Apportioning, grid: Grid, fixed_cut: int,
    tick: Callable[[str], None],
) -> tuple[Variant, ...]:  # fmt: skip
    """All pairs of apportionings; at the chosen one all loss scales, and the world's other accuracies."""
    variants = []
    pairs = list(product((world,), world.apportionings, world.apportionings))
    for one, board, server in (*pairs, *((other, chosen, chosen) for other in world.others)):
        tick(f"board by {board}, server by {server}")
        pool = one.pool(board, server)
        scales = LOSS_SCALES if one is world and board is server is chosen else (1.0,)
        for scale in scales:
            contest = Contest.build(pool, coding_at(scale), PRIMARY, fixed_cut)
            variants += [
                _variant(contest, grid, limit_ms, one is not world, board, server, scale)
                for limit_ms in grid.looked_at_limits_ms
            ]
    return tuple(variants)


def _variant(
    contest: Contest, grid: Grid, limit_ms: float, is_ranked_anew: bool, board: Apportioning, server: Apportioning,
    scale: float,
) -> Variant:  # fmt: skip
    saved = {base: np.full(grid.shape, np.nan) for base in LOOKED_AT}
    for at in np.ndindex(grid.shape):
        link = grid.link(*at)
        front = contest.joint.front(link)
        for base, values in saved.items():
            works = contest.operating(base, link, limit_ms, STATED_LOSS)
            values[at] = np.nan if works is None else saved_percent(front, works, STATED_LOSS)
    return Variant(
        is_ranked_anew, board, server, scale, limit_ms,
        {
            base: tuple(round(share_reached(values, least), 4) for least in THRESHOLDS_PERCENT)
            for base, values in saved.items()
        },
        {base: round(float(np.mean(values)), 2) for base, values in saved.items()},
    )  # fmt: skip
