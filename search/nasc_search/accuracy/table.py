"""Accuracies from a table: ``FILE.npz:KEY``, per cent, one a NAS-Bench-201 cell or a row of FBNet's ``arch``.

A table without ``index`` is in the benchmark's order and whole. Architectures that a table lacks are left out of the
search; a value that is no percentage is refused, since it may mean anything, a failed training among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import Array
from nasc_search.measured.entry import Entry, pick
from nasc_search.measured.fbnet import LAYERS
from nasc_search.measured.npz import SpaceName, architectures
from nasc_search.spaces.nb201_order import benchmark_ops
from nasc_search.spaces.registry import to_plain
from nasc_search.spaces.space import ChoiceSpace

Key = tuple[int, ...]
"""The benchmark's index of a cell, or the operators of FBNet's layers."""


@dataclass(frozen=True, slots=True)
class TableSource:
    """An :class:`nasc_search.accuracy.source.OutsideSource`; made by :meth:`open`."""

    name: str
    known: Mapping[str, float]

    @classmethod
    def open(cls, entry: Entry, space: ChoiceSpace) -> TableSource:
        """Read it; raises InputError."""
        kind, _ = to_plain(space)
        if kind not in list(SpaceName):
            raise InputError(f"no table is read for {kind}, only for {', '.join(SpaceName)}; give a function")
        percent = read_accuracies(entry, SpaceName(kind), len(space.choices))
        codes = [benchmark_ops()[key[0]].tolist() for key in percent] if kind == SpaceName.NB201 else percent
        archs = map(space.decode, codes)
        return cls(
            f"table {entry}",
            {arch: value / 100 for arch, value in zip(archs, percent.values(), strict=True)},
        )

    def estimate(self, archs: Sequence[str]) -> Array:
        """NaN for those that it lacks."""
        return np.asarray([self.known.get(arch, np.nan) for arch in archs], np.float64)

    def evaluate(self, arch: str) -> float:
        """InputError when it lacks the architecture."""
        if arch not in self.known:
            raise InputError(f"{self.name} lacks {arch}")
        return self.known[arch]

    @property
    def report(self) -> str:
        """How much it holds."""
        return f"accuracies of {len(self.known)} architectures are those of {self.name}"


def read_accuracies(entry: Entry, space: SpaceName, layers: int = LAYERS) -> dict[Key, float]:
    """Per cent; raises InputError."""
    arrays, name = pick(entry)
    values, where = arrays[name], f"{entry.path}, {name}"
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise InputError(f"{where}: accuracies are one list of numbers, not {values.dtype} of shape {values.shape}")
    keys = _keys(arrays, entry, space, layers)
    if len(keys) != len(values):
        raise InputError(f"{where}: {len(values)} values for {len(keys)} architectures; one value each is needed")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0) & (values <= 100)))
    if len(wrong):
        raise InputError(
            f"{where}: {len(wrong)} of {len(values)} values are no percentages from 0 to 100, the first is "
            f"{values[wrong[0]]} at {wrong[0]}; leave these architectures out"
        )
    if values.max() <= 1:
        raise InputError(f"{where}: no value is above 1; accuracies are in per cent: multiply by 100")
    return dict(zip(keys, values.astype(np.float64).tolist(), strict=True))


def _keys(arrays: dict[str, NDArray[Any]], entry: Entry, space: SpaceName, layers: int) -> list[Key]:
    _, rows = architectures(arrays, entry.path, space, layers)
    ops = arrays.get("ops")
    if space is SpaceName.NB201 and ops is not None and not np.array_equal(ops, benchmark_ops()[rows]):
        raise InputError(f"{entry.path}: 'ops' is not in NAS-Bench-201's order; sort by the benchmark's index")
    keys = [tuple(row) for row in rows.reshape(len(rows), -1).tolist()]
    first: dict[Key, int] = {}
    for place, key in enumerate(keys):
        if first.setdefault(key, place) != place:
            raise InputError(f"{entry.path}: rows {first[key]} and {place} are the same architecture; keep one of them")
    return keys
