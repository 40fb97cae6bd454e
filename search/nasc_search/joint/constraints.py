"""What every candidate must keep, and what is looked for among those that do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.joint.aim import MOST_ACCURATE, Aim

_NO_LIMIT_MS: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a candidate must keep; memory limits in bytes, 0 for none."""

    limit_ms: float | None
    """None for no limit."""
    percentile: float = 95.0
    raw_input_stays: bool = True
    """Forbids cut 0."""
    arena_bytes: int = 0
    flash_bytes: int = 0
    max_server_ms: float = 0.0
    """Median that one request may keep the edge server computing, decoding included; 0 for no budget. What a server can
    take is the sum of what its boards ask for, to which percentiles do not add up.
    """
    aim: Aim = MOST_ACCURATE
    """What is looked for among those that keep all this; floor and budget are kept as well."""

    def __post_init__(self) -> None:
        if self.limit_ms is not None and not (np.isfinite(self.limit_ms) and self.limit_ms > 0):
            raise InputError(f"a latency limit is a positive number of milliseconds, not {self.limit_ms}")
        if not 50 <= self.percentile <= 99.9:
            raise InputError(f"percentile {self.percentile} is outside 50..99.9")
        if min(self.arena_bytes, self.flash_bytes) < 0:
            raise InputError("memory limits are not negative")
        if not (np.isfinite(self.max_server_ms) and self.max_server_ms >= 0):
            raise InputError(f"a server budget is a positive number of milliseconds, not {self.max_server_ms}")

    @property
    def bound_ms(self) -> float:
        """The limit; without one more than any candidate takes, and less than one that does not exist."""
        return _NO_LIMIT_MS if self.limit_ms is None else self.limit_ms

    def __str__(self) -> str:
        """The limit, of which there is one."""
        assert self.limit_ms is not None
        limit = f"{self.limit_ms:.1f}" if self.limit_ms >= 1 else f"{self.limit_ms:g}"
        return f"{limit} ms at p{self.percentile:g}"
