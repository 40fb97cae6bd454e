"""Which sub-networks a step trains: a closed set of rules, each a function of the step and a seeded generator.

Uniform single path (Guo et al. 2020, arXiv 1904.00420) needs nothing but the space's own ``sample``. The others need
a :class:`~nasc_search.spaces.space.ChoiceSpace`, and an order of the choices at each position: by what the network
costs with that choice there and the largest ones elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Final, assert_never

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.ir.count import macs, parameters
from nasc_sdk.ir.network import Network
from nasc_search.spaces.space import ChoiceSpace, SearchSpace
from nasc_search.supernet.options import SamplingRule

UNLOCKED_AFTER: Final = 0.5
"""Share of the steps after which progressive shrinking samples from the whole space."""
_DRAWS: Final = 100

Code = tuple[int, ...]


def draw(space: SearchSpace, rule: SamplingRule, step: int, steps: int, rng: np.random.Generator) -> list[Network]:
    """The sub-networks of a step, the teacher first; InputError where the space has no choices for the rule."""
    if rule is SamplingRule.UNIFORM:
        return [space.network(space.sample(rng))]
    if not isinstance(space, ChoiceSpace):
        raise InputError(f"{space.name} does not say what its choices are: only --rule uniform trains it")
    match rule:
        case SamplingRule.FAIR:
            archs = _fair(space, rng)
        case SamplingRule.SANDWICH:
            archs = [largest(space), smallest(space), space.sample(rng)]
        case SamplingRule.SHRINKING:
            archs = [_unlocked(space, step, steps, rng)]
        case _:
            assert_never(rule)
    return [space.network(arch) for arch in archs]


def paths(space: SearchSpace, rule: SamplingRule) -> int:
    """How many sub-networks a step trains."""
    if rule is SamplingRule.FAIR and isinstance(space, ChoiceSpace):
        return max(space.choices)
    return 3 if rule is SamplingRule.SANDWICH else 1


def largest(space: ChoiceSpace) -> str:
    """The architecture with the largest choice at every position."""
    return space.decode([order[-1] for order in by_size(space)])


def smallest(space: ChoiceSpace) -> str:
    """The smallest choice everywhere or, where that is no network, with the fewest positions changed."""
    return _smallest(space)


@lru_cache(maxsize=8)
def _smallest(space: ChoiceSpace) -> str:
    orders = by_size(space)
    code = [order[0] for order in orders]
    # At most two positions are changed: a space for which that is not enough would have to say its smallest itself.
    changes = [((), ()), *(((p,), (c,)) for p, order in enumerate(orders) for c in order)]
    pairs = product(changes[1:], changes[1:])
    for positions, choices in (*changes, *((a[0] + b[0], a[1] + b[1]) for a, b in pairs)):
        changed = dict(zip(positions, choices, strict=True))
        arch = _decoded(space, [changed.get(position, choice) for position, choice in enumerate(code)])
        if arch is not None:
            return arch
    raise InputError(f"{space.name} has no small network: another --rule trains it")


@lru_cache(maxsize=8)
def by_size(space: ChoiceSpace) -> tuple[Code, ...]:
    """Choices of each position that a network may have, the smallest first: by MACs, then parameters, then number."""
    covering = max(space.covering_archs(), key=lambda arch: macs(space.network(arch)))
    code = list(space.encode(covering))
    orders = []
    for position, count in enumerate(space.choices):
        sizes = {}
        for choice in range(count):
            arch = _decoded(space, [*code[:position], choice, *code[position + 1 :]])
            if arch is not None:
                network = space.network(arch)
                sizes[choice] = macs(network), parameters(network)
        order = tuple(sorted(sizes, key=lambda choice: (sizes[choice], choice)))
        code[position] = order[-1]
        orders.append(order)
    return tuple(orders)


def _fair(space: ChoiceSpace, rng: np.random.Generator) -> list[str]:
    """A permutation of the choices at each position; drawn again where one of the networks is none."""
    group = max(space.choices)
    for _ in range(_DRAWS):
        # A position with fewer choices repeats some, each as often as another or once more.
        columns = [np.resize(rng.permutation(count), group) for count in space.choices]
        archs = [_decoded(space, code) for code in np.stack(columns, axis=1).tolist()]
        legal = [arch for arch in archs if arch is not None]
        if len(legal) == group:
            return legal
    raise InputError(f"{space.name}: {_DRAWS} draws gave no fair group of networks; use --rule uniform")


def _unlocked(space: ChoiceSpace, step: int, steps: int, rng: np.random.Generator) -> str:
    """Uniform over the choices that are unlocked at this step."""
    most = max(space.choices)
    unlocked = 1 + int((most - 1) * min(1.0, step / max(1.0, UNLOCKED_AFTER * steps)))
    orders = by_size(space)
    for _ in range(_DRAWS):
        arch = _decoded(space, [int(rng.choice(order[-unlocked:])) for order in orders])
        if arch is not None:
            return arch
    return largest(space)


def _decoded(space: ChoiceSpace, code: Sequence[int]) -> str | None:
    """The architecture, None where the code is no candidate."""
    try:
        arch = space.decode(code)
        space.network(arch)
    except InputError:
        return None
    return arch
