"""Candidate tables of a space too large to list: of the architectures that are worth a look for what is searched.

They are a pool (:mod:`nasc_search.layered.pool`), all that was evaluated since, what the caller names, and the
shortlist of the devices, the link and the limits at hand (:mod:`nasc_search.layered.shortlist`). Such a table is like
any other: exact search, contenders, maps and corrections take it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

import numpy as np

from nasc_sdk.errors import InfeasibleError
from nasc_search.accuracy.kernel_ridge import Array, to_target
from nasc_search.accuracy.layered_predictor import LayeredPredictor
from nasc_search.accuracy.supernet import SupernetSource
from nasc_search.joint.aim import Objective
from nasc_search.joint.enumerated import Shortlist, Sums, accuracy_of
from nasc_search.joint.exact import search
from nasc_search.joint.table import Kind
from nasc_search.layered.blocks import layer_blocks
from nasc_search.layered.costs import layered_costs, layered_memory
from nasc_search.layered.pool import known_archs, pool_catalogue
from nasc_search.layered.search import LayeredSearch
from nasc_search.layered.shortlist import Near, Wanted, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nasc_sdk.cost.model import CostModel
    from nasc_search.accuracy.source import AccuracySource
    from nasc_search.joint.catalogue import Catalogue
    from nasc_search.joint.scored import Scored
    from nasc_search.joint.table import CandidateTable
    from nasc_search.spaces.space import LayeredSpace

_CLIMBS: Final = 4


@dataclass(frozen=True, slots=True)
class Devices:
    """Board and server, and how tables of their candidates are made."""

    board: CostModel
    edge: CostModel
    predict: Callable[[Catalogue], CandidateTable]
    """With accuracies as the supernet's predictor has them: for what does not depend on architectures."""
    build: Callable[[Catalogue], CandidateTable]
    """With what is known of their accuracies."""


class LayeredTables:
    """The sums are learned from what ``source`` knows; what it tells nothing of is no candidate."""

    def __init__(self, space: LayeredSpace, pool: Catalogue, source: AccuracySource, seed: int) -> None:
        self._space, self._pool, self._source = space, pool, source
        archs = known_archs(space, source.known)
        accuracies = np.asarray([source.known[arch] for arch in archs])
        self._sums = LayeredPredictor.of_space(space, self._codes(archs), accuracies, seed)

    @property
    def report(self) -> str:
        """How well the sums tell accuracies."""
        return f"by sums over layers, which the shortlist follows: {self._sums.additive_report}"

    def table(self, devices: Devices, evaluated: Sequence[str], wanted: Wanted | None) -> CandidateTable:
        """All that is worth looking at."""
        named = wanted.archs if wanted else ()
        archs = dict.fromkeys((*self._pool.archs, *self._told(known_archs(self._space, (*evaluated, *named)))))
        if wanted is None or not wanted.links:
            return devices.build(pool_catalogue(self._space, tuple(archs)))
        frame = devices.predict(pool_catalogue(self._space, tuple(self._space.covering_archs())))
        coding_score = _coding_score(frame)
        found = near(self._search(devices, wanted), frame, (devices.board, devices.edge), coding_score, wanted)
        here, elsewhere = (
            self._told(map(self._space.decode, sorted(codes))) for codes in (found.here, found.elsewhere)
        )
        archs |= dict.fromkeys((*here, *elsewhere))
        climbed = self._climbed(devices, here, wanted)
        table = devices.build(pool_catalogue(self._space, tuple(archs | climbed)))
        return replace(table, shortlist=self._shortlist(found, len(climbed.keys() - archs), table, coding_score))

    def _climbed(self, devices: Devices, listed: list[str], wanted: Wanted) -> dict[str, None]:
        """What differs in one layer from the best over the present link, again while that betters them."""
        seen, fresh = dict.fromkeys(listed), listed
        best = dict[Kind, float]()
        for _ in range(_CLIMBS):
            if not fresh:
                break
            table = devices.build(pool_catalogue(self._space, fresh))
            try:
                decision = search(table, wanted.links[0], wanted.constraints, runners_up=0)
            except InfeasibleError:
                break
            ends, aim = (decision.chosen, decision.all_local, decision.split), wanted.constraints.aim.objective
            better = [one for one in ends if one and one.feasible and _worth(one, aim) > best.get(one.kind, -np.inf)]
            best |= {one.kind: max(_worth(one, aim), best.get(one.kind, -np.inf)) for one in better}
            # One layer less of what is just too slow may be better than one more of what is not.
            around = {one.candidate.arch for one in (*better, decision.denied) if better and one}
            codes = dict.fromkeys(code for arch in sorted(around) for code in self._beside(arch))
            fresh = self._told(arch for arch in map(self._space.decode, codes) if arch not in seen)
            seen |= dict.fromkeys(fresh)
        return seen

    def _beside(self, arch: str) -> Iterator[tuple[int, ...]]:
        """Codes that differ in one layer."""
        code = self._space.encode(arch)
        for layer, row in enumerate(layer_blocks(self._space).legal):
            for choice in np.flatnonzero(row).tolist():
                if choice != code[layer]:
                    yield *code[:layer], choice, *code[layer + 1 :]

    def _told(self, archs: Iterable[str]) -> list[str]:
        """Those that the source tells of; the supernet tells of all."""
        every = list(archs)
        if not every or isinstance(self._source, SupernetSource):
            return every
        told = ~np.isnan(self._source.estimate(every))
        return [every[place] for place in np.flatnonzero(told).tolist()]

    def _search(self, devices: Devices, wanted: Wanted) -> LayeredSearch:
        limits = wanted.constraints.arena_bytes, wanted.constraints.flash_bytes
        memory = layered_memory(layer_blocks(self._space), *limits)
        return LayeredSearch(layered_costs(self._space, devices.board, devices.edge), self._sums.score, memory)

    def _shortlist(self, found: Near, beside: int, table: CandidateTable, coding_score: Array) -> Shortlist:
        codes, intercept = self._codes(table.archs), self._sums.intercept
        scores = intercept + self._sums.score[np.arange(codes.shape[1]), codes].sum(axis=1)
        coding = {
            (cut, encoding): float(coding_score[cut, place])
            for place, encoding in enumerate(table.encodings)
            for cut in range(table.cuts)
            if coding_score[cut, place]
        }
        return Shortlist(
            networks=layer_blocks(self._space).networks,
            here=len(found.here),
            elsewhere=len(found.elsewhere - found.here),
            beside=beside,
            best=self._space.decode(found.best) if found.best else "",
            most=accuracy_of(intercept + found.most),
            sums=Sums(dict(zip(table.archs, scores.tolist(), strict=True)), coding),
        )

    def _codes(self, archs: Iterable[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.asarray([self._space.encode(arch) for arch in archs], np.int64)


def _worth(scored: Scored, objective: Objective) -> float:
    """The more, the better."""
    match objective:
        case Objective.ACCURACY:
            return scored.accuracy
        case Objective.LATENCY:
            return -scored.limited_ms
        case Objective.ENERGY:
            return -(scored.energy_mj or 0.0)
        case _:
            assert_never(objective)


def _coding_score(frame: CandidateTable) -> Array:
    """[K, E] What an encoding adds to the score at each cut, by the most accurate architecture of the frame."""
    coded = frame.accuracy[int(frame.accuracy[:, -1, 0].argmax())]
    flat = to_target(coded.ravel(), coded.size).reshape(coded.shape)
    return np.asarray(np.where(frame.legal, np.minimum(flat - flat[-1, 0], 0.0), 0.0))
