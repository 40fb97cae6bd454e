"""The strategies that an experiment compares, over one link and in one setting.

NASC chooses architecture, cut and encoding together. The others choose them apart, or leave some out:

- ``HWNAS_LOCAL``: the most accurate network whose latency on the board is within the limit, run on the board.
- ``HWNAS_TRADED``: the fastest network on the board that loses no more points than NASC may: what a smaller network
  saves without any split.
- ``HWNAS_SPLIT``: HWNAS's network, split afterwards where it is fastest.
- ``NEUROSURGEON``: the most accurate network of all, split where it is fastest (after Kang et al. 2017).
- ``ALL_EDGE``: the compressed image goes to the server; not where the raw input stays.
- ``FIXED_CUT``: the architecture is searched for one stated cut, int8.

Against ``HWNAS_LOCAL`` the points lost count for NASC alone, as the paper's "slight loss of accuracy" is read here;
``HWNAS_TRADED`` says how much of it needs no split.

Those that split afterwards may use the same encodings, at no more points lost than NASC may lose: what encodings
save is not put to the credit of the joint search.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from nasc_search.experiment.coding import Coding
from nasc_search.experiment.plan import Setting
from nasc_search.experiment.pool import SLACK, Candidates, Front, LinkState, Pool, pareto


class Strategy(StrEnum):
    """Who chooses what; see the module."""

    NASC = "nasc"
    HWNAS_LOCAL = "hwnas_local"
    HWNAS_TRADED = "hwnas_traded"
    HWNAS_SPLIT = "hwnas_split"
    NEUROSURGEON = "neurosurgeon"
    ALL_EDGE = "all_edge"
    FIXED_CUT = "fixed_cut"


BASELINES: Final[tuple[Strategy, ...]] = tuple(strategy for strategy in Strategy if strategy is not Strategy.NASC)


@dataclass(frozen=True, slots=True)
class Operating:
    """Where a baseline works: the accuracy that points are lost from, and what it takes."""

    accuracy_percent: float
    latency_ms: float
    row: int
    cut: int
    encoding: int


@dataclass(frozen=True, slots=True)
class Contest:
    """A pool in one setting: raw input stays or not, with encodings or without."""

    pool: Pool
    coding: Coding
    plain: Coding
    """Without encodings."""
    raw_input_stays: bool
    fixed_cut: int
    joint: Candidates
    """What NASC chooses from."""

    @classmethod
    def build(cls, pool: Pool, coding: Coding, setting: Setting, fixed_cut: int) -> Contest:
        """A contest; ``coding`` holds all encodings."""
        plain = coding.only_plain()
        used = coding if setting.with_encodings else plain
        joint = pool.candidates(used, range(int(setting.raw_input_stays), pool.last + 1)).that_can_win()
        return cls(pool, used, plain, setting.raw_input_stays, fixed_cut, joint)

    def front(self, strategy: Strategy, link: LinkState) -> Front | None:
        """All that a strategy may end with, as limits go; None where it is not allowed."""
        match strategy:
            case Strategy.NASC:
                return self.joint.front(link)
            case Strategy.HWNAS_LOCAL | Strategy.HWNAS_TRADED:
                return self.pool.candidates(self.plain, (self.pool.last,)).front(link)
            case Strategy.HWNAS_SPLIT:
                return self._split_afterwards(link)
            case Strategy.NEUROSURGEON:
                return self._splits(self._most_accurate()).front(link)
            case Strategy.ALL_EDGE:
                return None if self.raw_input_stays else self.pool.candidates(self.plain, (0,)).front(link)
            case Strategy.FIXED_CUT:
                return self.pool.candidates(self.plain, (self.fixed_cut,)).front(link)

    def operating(
        self, strategy: Strategy, link: LinkState, limit_ms: float, points_lost: float
    ) -> Operating | None:
        """Where a baseline works under a limit; None where nothing of it is within the limit, or it is not allowed.

        A network chosen for the board keeps the limit there, and is the faster for a split. Neurosurgeon's is what it
        is, whatever the limit.
        """
        if strategy in (Strategy.ALL_EDGE, Strategy.FIXED_CUT):
            return self._within(strategy, link, limit_ms)
        row = self._most_accurate() if strategy is Strategy.NEUROSURGEON else self.chosen_for_board(limit_ms)
        if row is None:
            return None
        if strategy is Strategy.HWNAS_LOCAL:
            own = self._local_of(row)
        elif strategy is Strategy.HWNAS_TRADED:
            own = self._local_of(self._cheaper_on_board(row, points_lost))
        else:
            own = self._splits(row, points_lost)
        latency = own.latency_ms(link)
        best = int(np.argmin(latency))
        return Operating(
            float(self.pool.accuracy_percent[row]), float(latency[best]), int(own.row[best]), int(own.cut[best]),
            int(own.encoding[best]),
        )  # fmt: skip

    def _within(self, strategy: Strategy, link: LinkState, limit_ms: float) -> Operating | None:
        front = self.front(strategy, link)
        place = None if front is None else front.most_accurate(limit_ms)
        if front is None or place is None:
            return None
        return Operating(
            float(front.accuracy_percent[place]), float(front.latency_ms[place]), int(front.row[place]),
            int(front.cut[place]), int(front.encoding[place]),
        )  # fmt: skip

    def chosen_for_board(self, limit_ms: float) -> int | None:
        """What hardware-aware search without a split chooses under a limit; None when nothing is so fast."""
        stairs = self.pool.stairs[self.pool.last]
        within = int(np.searchsorted(self.pool.compute_ms[stairs, self.pool.last], limit_ms, side="right"))
        return int(stairs[within - 1]) if within else None

    def _most_accurate(self) -> int:
        return int(self.pool.stairs[self.pool.last][-1])

    def _cheaper_on_board(self, row: int, points_lost: float) -> int:
        """The fastest network on the board within so many points of another."""
        stairs = self.pool.stairs[self.pool.last]
        floor = self.pool.accuracy_percent[row] - points_lost - SLACK
        return int(stairs[np.searchsorted(self.pool.accuracy_percent[stairs], floor)])

    def _local_of(self, row: int) -> Candidates:
        return self.pool.expand(np.array([row]), np.array([self.pool.last]), self.plain)

    def _splits(self, row: int, points_lost: float = np.inf) -> Candidates:
        """One network at every cut that is allowed, its encodings within the points."""
        every = self.pool.of(row, self.coding)
        floor = self.pool.accuracy_percent[row] - points_lost - SLACK
        return every.where((every.cut >= int(self.raw_input_stays)) & (every.accuracy_percent >= floor))

    def _split_afterwards(self, link: LinkState) -> Front:
        """Each network of the board's own front, at its fastest cut that loses nothing."""
        rows = self.pool.stairs[self.pool.last]
        cuts = np.arange(int(self.raw_input_stays), self.pool.last + 1)
        every = self.pool.expand(np.repeat(rows, len(cuts)), np.tile(cuts, len(rows)), self.plain)
        latency = every.latency_ms(link).reshape(len(rows), len(cuts))
        best = latency.argmin(axis=1)
        at = np.arange(len(rows)), best
        time, accuracy = latency[at], every.accuracy_percent.reshape(latency.shape)[at]
        chosen = pareto(accuracy, time)
        return Front(
            time[chosen], accuracy[chosen], rows[chosen], cuts[best[chosen]], np.zeros(len(chosen), np.int64)
        )
