"""Opens the source that a service is told to search by in place of the supernet's accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.function import FunctionSource, UserFunction
from nasc_search.accuracy.source import OutsideSource
from nasc_search.accuracy.table import TableSource
from nasc_search.measured.entry import Entry
from nasc_search.service.heartbeat import Say
from nasc_search.service.store import Store
from nasc_search.spaces.space import ChoiceSpace, SearchSpace

SAMPLES: Final = 100
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants accuracies from; nothing for the supernet."""

    table: str | None = None
    """``FILE.npz:KEY``"""
    function: str | None = None
    """``MODULE:FUNCTION``"""
    samples: int = SAMPLES
    """Architectures that a function is asked for to predict the others."""


def open_outside(
    asked: Asked, space: SearchSpace, evaluated: Sequence[str], store: Store, speak: Say
) -> OutsideSource | None:
    """None for the supernet. A function is asked for some of the architectures ``evaluated`` with the supernet, so that
    both can be compared; ``speak`` is told of each. Raises InputError.
    """  # fmt: skip
    if asked.table is not None:
        if not isinstance(space, ChoiceSpace):
            raise InputError(f"{space.name}: architectures of a table are choices at positions, which it has none of")
        return TableSource.open(Entry.parse(asked.table), space)
    if asked.function is None:
        return None
    function = UserFunction.load(asked.function)
    kept_as = f"function {function.name} {function.digest}"
    source = FunctionSource(function, store.accuracies(kept_as), partial(store.put_accuracy, kept_as))
    drawn = np.random.default_rng(_SEED).permutation(sorted(evaluated))[: asked.samples].tolist()
    source.learn(space, drawn, _SEED, lambda done, arch: speak(f"{source.name}: {done} of {len(drawn)}, {arch}"))
    return source
