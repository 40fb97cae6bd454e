"""Candidates as points of a categorical problem, each with what it is predicted to take in a setting.

Architectures are looked at one by one as they are asked for: spaces that cannot be listed take part as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nasc_sdk.candidate import INT8, Candidate, CutEncoding
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.ir.network import Network
from nasc_search.algorithms.problem import Point, Problem, Variable
from nasc_search.encodings.blocks import bottleneck_codes, encoder_block, fits, narrowed
from nasc_search.encodings.codes import CalibratedCut, CodedCut
from nasc_search.encodings.shares import Shares
from nasc_search.joint.build import OVERHEADS, build_table
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.joint.scored import Scored, score_candidate, shortcoming
from nasc_search.joint.table import Array, CandidateTable
from nasc_search.oneshot.setting import Setting
from nasc_search.spaces.space import ChoiceSpace
from nasc_search.supernet.rules import smallest
from nasc_search.supernet.sampling import draw
from nasc_search.supernet.step import Route

NO_NETWORK: Final = 1e9
"""Violation of choices that make no network: worse than that of any candidate."""
_KEPT: Final = 4096
"""Architectures whose predictions are remembered."""
_PROBES: Final = 200
_NEAREST: Final = 3


@dataclass(frozen=True)
class _Only:
    """A space of one architecture, for what is worked out from lists of them."""

    space: ChoiceSpace
    archs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.space.name

    def network(self, arch: str) -> Network:
        return self.space.network(arch)

    def sample(self, rng: np.random.Generator) -> str:
        return self.archs[0]

    def covering_archs(self) -> Sequence[str]:
        return self.archs

    def encode(self, arch: str) -> tuple[int, ...]:
        return self.space.encode(arch)


class Candidates:
    """The choices of a space, then the cut, then the encoding; cut 0 takes part only where the raw input may leave."""

    def __init__(self, space: ChoiceSpace, setting: Setting, encodings: tuple[CutEncoding, ...]) -> None:
        self.space, self.setting, self.encodings = space, setting, encodings
        cuts = space.network(next(iter(space.covering_archs()))).cuts
        self._cuts = tuple(cuts)[1:] if setting.constraints.raw_input_stays else tuple(cuts)
        self.problem = Problem(
            (
                *(Variable(f"choice {place}", size) for place, size in enumerate(space.choices)),
                Variable("cut", len(self._cuts)),
                Variable("encoding", len(encodings)),
            )
        )
        self._shares: Shares = {}
        self._known: dict[str, tuple[CandidateTable, Array]] = {}

    @property
    def shares(self) -> Shares:
        """What entropy coding leaves of each cut; predictions change with it."""
        return self._shares

    @shares.setter
    def shares(self, shares: Shares) -> None:
        self._shares = shares
        self._known.clear()

    def candidate(self, point: Point) -> Candidate:
        """What a point stands for, the plain encoding where its own does not exist; InputError for no network."""
        *code, place, chosen = point
        arch, cut = self.space.decode(code), self._cuts[place]
        network, encoding = self.space.network(arch), self.encodings[chosen]
        exists = fits(encoding, cut, network.cuts[-1], network.cut_spec(cut))
        return Candidate(arch, cut, encoding if exists else INT8)

    def violation(self, point: Point) -> float:
        """By how much a point breaks what breaks it most, relative to the limit; 0 or less where it keeps all."""
        try:
            candidate = self.candidate(point)
        except InputError:
            return NO_NETWORK
        _, excess = self._look_at(candidate.arch)
        return float(excess[candidate.cut, self.encodings.index(candidate.encoding)])

    def scored(self, candidate: Candidate) -> Scored:
        """All that is predicted of a candidate; its accuracy is not."""
        table, _ = self._look_at(candidate.arch)
        return score_candidate(table, self.setting.link, self.setting.constraints, candidate)

    def route(self, candidate: Candidate) -> Route:
        """The sub-network as it is trained: few-bit codes at its cut, encoder and decoder around it."""
        network, encoding = self.space.network(candidate.arch), candidate.encoding
        if encoding.bottleneck:
            encoder = encoder_block(candidate.cut, network.cut_spec(candidate.cut), encoding.bottleneck)
            coded = CodedCut(encoder.name, encoding.bits, bottleneck_codes(encoding.bits))
            return Route(narrowed(network, candidate.cut, encoding.bottleneck), coded)
        if encoding.bits == INT8.bits:
            return Route(network)
        return Route(network, CalibratedCut(network.blocks[candidate.cut - 1].name, encoding.bits))

    def check_feasible(self, seed: int) -> None:
        """InfeasibleError with the nearest candidates where none is found: the smallest network, and random ones."""
        archs = dict.fromkeys((smallest(self.space), *draw(self.space, _PROBES, seed)))
        found: list[tuple[float, Candidate]] = []
        for arch in archs:
            _, excess = self._look_at(arch)
            cut, code = np.unravel_index(int(excess.argmin()), excess.shape)
            if excess[cut, code] <= 0:
                return
            found.append((float(excess[cut, code]), Candidate(arch, int(cut), self.encodings[code])))
        nearest = [candidate for _, candidate in sorted(found, key=lambda item: item[0])[:_NEAREST]]
        raise InfeasibleError(
            f"no candidate of {len(found)} architectures keeps {self.setting}; the nearest:",
            tuple(
                f"{candidate} {shortcoming(self.scored(candidate), self.setting.constraints)}" for candidate in nearest
            ),
        )

    def _look_at(self, arch: str) -> tuple[CandidateTable, Array]:
        """The candidates of one architecture, and their violations [cuts, encodings]."""
        if arch not in self._known:
            while len(self._known) >= _KEPT:
                self._known.pop(next(iter(self._known)))
            setting = self.setting
            catalogue = build_catalogue(_Only(self.space, (arch,)))
            nothing = np.zeros(1)
            table = build_table(
                catalogue, setting.board, setting.server, nothing, self.encodings, OVERHEADS, self._shares
            )
            self._known[arch] = table, _excess(table, setting)
        return self._known[arch]


def _excess(table: CandidateTable, setting: Setting) -> Array:
    """[cuts, encodings] ``(needed - allowed) / allowed`` of latency and memory, whichever is worse; infinite: none."""
    keeps = setting.constraints
    worst = table.total_ms(setting.link, keeps.percentile)[0] / keeps.limit_ms
    for needed, coding, most in (
        (table.arena_bytes[0, :, None], table.coding.arena_bytes, keeps.arena_bytes),
        (table.flash_bytes[0, :, None], table.flash_bytes[0, :, None] + table.coding.flash_bytes, keeps.flash_bytes),
    ):
        if most:
            worst = np.maximum(worst, np.maximum(needed, coding) / most)
    if keeps.raw_input_stays:
        worst[0] = np.inf
    return np.asarray(worst - 1, np.float64)
