"""A workshop over a tiny supernet with random weights."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nasc_search.service.workshop import Workshop
from nasc_search.supernet.model import Supernet
from tests.supernet.tasks import SPACE, task


@lru_cache(maxsize=1)
def shop():
    return Workshop(Supernet(SPACE, 4, encoded=True), task())


def some_archs(count, seed=0):
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(count)]
