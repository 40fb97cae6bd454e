"""Planner: what every candidate's accuracy and latency are, from cost models and what was evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from nasc_sdk.candidate import INT8, Candidate, Entropy
from nasc_sdk.cost.model import CostModel
from nasc_sdk.errors import InputError
from nasc_search.accuracy.agreement import against_supernet
from nasc_search.accuracy.cell_features import Array
from nasc_search.accuracy.coding_loss import MIN_SAMPLES as MIN_CODED
from nasc_search.accuracy.coding_loss import Coded, CodingLoss
from nasc_search.accuracy.composition import shares
from nasc_search.accuracy.keys import accuracy_key, parse_accuracy_key
from nasc_search.accuracy.source import AccuracySource, OutsideSource
from nasc_search.accuracy.supernet import SupernetSource
from nasc_search.encodings.blocks import ENCODINGS, PLAIN
from nasc_search.encodings.shares import Shares
from nasc_search.joint.build import OVERHEADS, build_table
from nasc_search.joint.catalogue import Catalogue
from nasc_search.joint.outside import as_told
from nasc_search.joint.table import CandidateTable, ToldBy
from nasc_search.layered.pool import architectures, known_archs, pool_catalogue
from nasc_search.layered.shortlist import Wanted
from nasc_search.service.decide import Evaluate
from nasc_search.service.layered_tables import Devices, LayeredTables
from nasc_search.spaces.space import LayeredSpace, SearchSpace

_SEED: Final = 0


class Planner:
    """Accuracy of every candidate, and the candidate table of a board and a server.

    ``evaluated`` holds the supernet's measured accuracies by :func:`nasc_search.accuracy.keys.accuracy_key`. Encodings
    that lose accuracy take part where some of them were evaluated. Where an ``outside`` source tells accuracies, only
    architectures that it knows are candidates.
    """

    def __init__(
        self, space: SearchSpace, catalogue: Catalogue, evaluated: dict[str, float],
        sent: Shares | None = None, outside: OutsideSource | None = None,
    ) -> None:  # fmt: skip
        self._space, self._sent, self._outside, self._whole = space, sent, outside, architectures(space, catalogue)
        listed = _held(space, catalogue, evaluated)
        # An encoded cut's accuracy goes with that of the architecture.
        evaluated = {key: value for key, value in evaluated.items() if parse_accuracy_key(key)[0] in listed}
        self.own = SupernetSource(space, {key: value for key, value in evaluated.items() if key in listed}, _SEED)
        self.coding_loss = fit_coding_loss(space, catalogue.cuts, evaluated)
        self.encodings = ENCODINGS if self.coding_loss else PLAIN
        self.catalogue = catalogue = catalogue if outside is None else _told_part(space, catalogue, outside)
        self.accuracy = self.source.estimate(catalogue.archs)
        """[A] of whole architectures of the catalogue."""
        self._coded = self._coded_accuracy(catalogue)
        self._layered = LayeredTables(space, catalogue, self.source, _SEED) if isinstance(space, LayeredSpace) else None
        self._evaluated: dict[str, float] = {}
        self.add(evaluated)

    @property
    def source(self) -> AccuracySource:
        """Who tells accuracies."""
        return self._outside or self.own

    @property
    def report(self) -> str:
        """How well accuracies are told."""
        told = [self.source.report]
        if self._outside is not None and self._layered is None:
            told += [f"{len(self.catalogue.archs)} of the space's {self._whole} architectures are searched"]
        if self._outside is not None:
            told += [against_supernet(self._outside, self.own)]
        told += [self._layered.report] if self._layered else []
        return "\n".join([*told, *([str(self.coding_loss)] if self.coding_loss else [])])

    def add(self, evaluated: Mapping[str, float]) -> None:
        """Remember real evaluations for later tables; those of architectures that no table holds are passed over."""
        listed = _held(self._space, self.catalogue, evaluated)
        self._evaluated |= {key: value for key, value in evaluated.items() if parse_accuracy_key(key)[0] in listed}

    def evaluate(self, candidate: Candidate, measure: Evaluate) -> float:
        """What the source tells of a candidate; ``measure`` evaluates it with the supernet, for what encodings lose."""
        if self._outside is None:
            return measure(candidate)
        told = self._outside.evaluate(candidate.arch)
        if accuracy_key(candidate) == candidate.arch:
            return told
        lost = measure(replace(candidate, encoding=INT8)) - measure(candidate)
        return float(np.clip(told - lost, 0.0, 1.0))

    def own_accuracy(self, candidate: Candidate) -> float | None:
        """What the supernet's weights reach, where it was evaluated."""
        return self._evaluated.get(accuracy_key(candidate))

    def table(
        self, board: CostModel, edge: CostModel, codings: Collection[Entropy] = tuple(Entropy),
        wanted: Wanted | None = None,
    ) -> CandidateTable:  # fmt: skip
        """All candidates of this board and server, as their profiles predict them; ``codings`` are what both can do.

        Of a space too large to list: what ``wanted`` asks for, what was evaluated, and a random lot.
        """
        kept = [place for place, encoding in enumerate(self.encodings) if encoding.entropy in codings]
        encodings = tuple(self.encodings[place] for place in kept)

        def predict(catalogue: Catalogue) -> CandidateTable:
            coded = self._coded if catalogue is self.catalogue else self._coded_accuracy(catalogue)
            coded = coded if coded.ndim == 1 else coded[:, :, kept]
            return build_table(catalogue, board, edge, coded, encodings, OVERHEADS, self._sent)

        if self._layered is None:
            return self._told(predict(self.catalogue))
        evaluated = {parse_accuracy_key(key)[0] for key in self._evaluated}
        devices = Devices(board, edge, predict, lambda catalogue: self._told(predict(catalogue)))
        return self._layered.table(devices, sorted(evaluated), wanted)

    def _told(self, table: CandidateTable) -> CandidateTable:
        """With what was evaluated, and what an outside source tells, in place of what was predicted."""
        archs = table.archs
        named = {key: value for key, value in self._evaluated.items() if parse_accuracy_key(key)[0] in table.index_of}
        table = table.with_accuracy(named)
        if self._outside is None:
            return table
        known, guesses = self._outside.known, self._outside.estimate(archs).tolist()
        accuracy = [known.get(arch, guess) for arch, guess in zip(archs, guesses, strict=True)]
        told_by = ToldBy(self._outside.name, dict(self._evaluated))
        return as_told(table, told_by, np.asarray(accuracy), np.asarray([arch in known for arch in archs]))

    def _coded_accuracy(self, catalogue: Catalogue) -> Array:
        """[A, K, E] By the supernet, or [A] where nothing loses any."""
        plain, cuts = self.own.estimate(catalogue.archs), catalogue.cuts
        if self.coding_loss is None:
            return plain
        codes = np.asarray([self._space.encode(arch) for arch in catalogue.archs], np.int64)
        evaluated_as = [ENCODINGS.index(replace(encoding, entropy=Entropy.NONE)) for encoding in ENCODINGS]
        coded = self.coding_loss.predict(shares(self._space, codes), plain)[:, :, evaluated_as]
        whole = [encoding in PLAIN for encoding in ENCODINGS]
        coded[:, :, whole] = plain[:, None, None]
        # At either end nothing is encoded.
        coded[:, [0, cuts - 1]] = plain[:, None, None]
        return coded


def _held(space: SearchSpace, catalogue: Catalogue, keys: Iterable[str]) -> Collection[str]:
    """Architectures among these that a table may hold."""
    named = {parse_accuracy_key(key)[0] for key in keys}
    return set(known_archs(space, named)) if isinstance(space, LayeredSpace) else named & set(catalogue.archs)


def _told_part(space: SearchSpace, catalogue: Catalogue, source: OutsideSource) -> Catalogue:
    """The architectures that a source tells of, of a pool with all that it knows; InputError for none."""
    if isinstance(space, LayeredSpace):
        known = known_archs(space, source.known)
        catalogue = pool_catalogue(space, tuple(dict.fromkeys((*catalogue.archs, *known))))
    told = ~np.isnan(source.estimate(catalogue.archs))
    if not told.any():
        raise InputError(f"{source.name} holds no architecture of {catalogue.space}: give the table of this space")
    return catalogue if told.all() else catalogue.only(told)


def fit_coding_loss(space: SearchSpace, cuts: int, evaluated: Mapping[str, float]) -> CodingLoss | None:
    """From the encoded cuts among what was evaluated; None where they are too few to tell anything."""
    places = {str(encoding): place for place, encoding in enumerate(ENCODINGS)}
    samples = []
    for key, accuracy in evaluated.items():
        arch, cut, name = parse_accuracy_key(key)
        if cut is not None and name in places and arch in evaluated:
            made_of = tuple(shares(space, np.asarray([space.encode(arch)]))[0].tolist())
            samples.append(Coded(made_of, cut, places[name], evaluated[arch], accuracy))
    return CodingLoss.fit(samples, cuts, len(ENCODINGS), _SEED) if len(samples) >= MIN_CODED else None
