"""What entropy coding leaves of a supernet's cuts: measured once, kept as ``shares.json`` beside it or in a cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.durable import write_durably
from nasc_sdk.entropy import known_codings
from nasc_search.encodings.shares import PERCENTILE, Shares

SHARES: Final = "shares.json"
Measure = Callable[[str], Shares]
"""Of an architecture."""


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Of one encoding at one cut."""

    cut: Annotated[int, Meta(ge=0)]
    encoding: CutEncoding
    share: Annotated[float, Meta(gt=0)]
    """Of the packed bytes."""


@dataclass(frozen=True, slots=True)
class KeptShares:
    """Shares with what they were measured on."""

    weights: str
    """Digest of the supernet's file; shares of other weights are measured anew."""
    arch: str
    percentile: float
    """Of the sizes over images."""
    rows: tuple[ShareRow, ...]

    @classmethod
    def of(cls, weights: str, arch: str, shares: Shares) -> KeptShares:
        """To be kept, five digits each."""
        rows = (ShareRow(cut, encoding, round(share, 5)) for (cut, encoding), share in shares.items())
        return cls(weights, arch, PERCENTILE, tuple(rows))

    @property
    def shares(self) -> Shares:
        """As candidate tables take them."""
        return {(row.cut, row.encoding): row.share for row in self.rows}

    def covers(self, codings: Collection[Entropy]) -> bool:
        """Whether all of them were measured."""
        return {row.encoding.entropy for row in self.rows} | {Entropy.NONE} >= set(codings)


def save_shares(path: Path, kept: KeptShares) -> None:
    """StorageError when the disk refuses."""
    write_durably(path, msgspec.json.encode(kept))


def load_shares(path: Path, weights: str) -> KeptShares | None:
    """What :func:`save_shares` wrote; None where there is nothing of these weights and of every coding known here.

    Damaged files count as missing, and so do those from before bottlenecks had rows: all of it can be measured again.
    """
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=KeptShares)
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return kept if kept.weights == weights and kept.covers(known_codings()) else None


def measure_shares(weights: str, evaluated: Mapping[str, float], measure: Measure) -> KeptShares:
    """Of the most accurate of the ``evaluated`` architectures."""
    arch = max(evaluated, key=lambda arch: evaluated[arch])
    return KeptShares.of(weights, arch, measure(arch))


def open_shares(
    kept: KeptShares | None, cache: Path, weights: str, evaluated: Mapping[str, float], measure: Measure
) -> Shares:
    """Those that came with the supernet, else those in the folder ``cache``, else measured now and kept there."""
    path = cache / SHARES
    found = kept or load_shares(path, weights)
    if found is None:
        found = measure_shares(weights, evaluated, measure)
        save_shares(path, found)
    return found.shares
