"""Pools: some architectures of a space too large to list, as a catalogue that nothing else can tell from a whole one.

A pool holds the covering architectures, all that were evaluated, and random ones. Profiles and calibrations are
designed on it, since it holds every block; a search adds the few that can win (:mod:`.shortlist`). Rows are look-ups
(:mod:`.layer_blocks`), so a pool is made anew in milliseconds whenever it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.joint.catalogue import Catalogue, catalogue_digest, flash_of_heads
from nasc_search.layered.blocks import layer_blocks
from nasc_search.spaces.space import LayeredSpace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.spaces.space import SearchSpace

DRAWN: Final = 1500
_DRAWS_EACH: Final = 4
"""Where the space holds fewer than were asked for."""


def pool_archs(space: LayeredSpace, evaluated: Iterable[str], seed: int = 0, drawn: int = DRAWN) -> tuple[str, ...]:
    """Covering, evaluated and random architectures, each once; what is no architecture of the space is passed over.

    One half of the random ones is uniform. The other half leans to some operators, each to its own: the time of a
    uniform choice of twenty layers is nearly always the same.
    """
    rng, legal = np.random.default_rng(seed), layer_blocks(space).legal
    found = dict.fromkeys((*space.covering_archs(), *known_archs(space, evaluated)))
    most = len(found) + drawn
    for draw in range(_DRAWS_EACH * drawn):
        if len(found) == most:
            break
        found.setdefault(space.decode(_leaning(legal, rng)) if draw % 2 else space.sample(rng))
    return tuple(found)


def known_archs(space: LayeredSpace, archs: Iterable[str]) -> list[str]:
    """Those of them that the space knows."""
    return [arch for arch in archs if _is_known(space, arch)]


def pool_catalogue(space: LayeredSpace, archs: Sequence[str]) -> Catalogue:
    """Of these architectures; InputError for one that is none of the space."""
    blocks = layer_blocks(space)
    places = np.arange(len(blocks.number)), blocks.places([space.encode(arch) for arch in archs])
    flash = flash_of_heads(blocks.model_bytes[places])
    # Layers are chains: the largest needs what all need.
    arena = np.zeros_like(flash)
    np.maximum.accumulate(blocks.activation_bytes[places], axis=1, out=arena[:, 1:])
    digest = catalogue_digest(space.name, archs)
    return Catalogue(
        space.name, digest, tuple(archs), blocks.keys, blocks.number[places], blocks.cut_specs, arena, flash
    )


def architectures(space: SearchSpace, catalogue: Catalogue) -> int:
    """How many a space holds of which this is the catalogue."""
    return layer_blocks(space).networks if isinstance(space, LayeredSpace) else len(catalogue.archs)


# Those that were evaluated are asked about for every table.
@lru_cache(maxsize=1 << 14)
def _is_known(space: LayeredSpace, arch: str) -> bool:
    try:
        layer_blocks(space).places([space.encode(arch)])
    except InputError:
        return False
    return True


def _leaning(legal: NDArray[np.bool_], rng: np.random.Generator) -> list[int]:
    """A code that draws all layers from one uneven distribution over the choices."""
    weights = rng.dirichlet(np.full(legal.shape[1], 0.5)) + 1e-9
    return [int(rng.choice(len(weights), p=np.where(row, weights, 0.0) / weights[row].sum())) for row in legal]
