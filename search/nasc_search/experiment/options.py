"""What a user asks ``nasc-vs-hwnas`` for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.experiment import plan
from nasc_search.experiment.anatomy import IMAGE
from nasc_search.experiment.apportion import Apportioning
from nasc_search.measured.npz import SpaceName


@dataclass(frozen=True, slots=True)
class Options:
    """Sources, and what is varied."""

    space: SpaceName
    accuracy: str
    """``FILE.npz:KEY``; for FBNet also ``macs`` with listed networks, ``FILE.npz`` with tables of layers."""
    board: str
    """``FILE.npz:DEVICE`` of listed networks, or ``FILE.json:DEVICE`` of FBNet's layers."""
    server: str
    board_slowdown: float = 1.0
    server_slowdown: float = 1.0
    raw_bytes: int = IMAGE.elements
    raw_ratio: float = 0.73
    """Compressed size of an image over its raw size."""
    apportioning: Apportioning = Apportioning.FITTED
    coding: Path | None = None
    fixed_cut: int | None = None
    """Stated cut of that baseline; None: after the first block that halves the map."""
    throughputs_mbit_s: tuple[float, ...] = plan.THROUGHPUTS_MBIT_S
    round_trips_ms: tuple[float, ...] = plan.ROUND_TRIPS_MS
    limits_ms: tuple[float, ...] = ()
    """Empty: five, from the board's own networks."""

    def __post_init__(self) -> None:
        slowdowns = self.board_slowdown, self.server_slowdown
        if not all(np.isfinite(value) and value > 0 for value in slowdowns):
            raise InputError(f"slow-downs {slowdowns} are not all positive numbers")
        if self.raw_bytes < 1 or not 0 < self.raw_ratio <= 1:
            raise InputError(f"raw input of {self.raw_bytes} bytes at a ratio of {self.raw_ratio}: 1 or more, 0 to 1")
