"""What an experiment is about: architectures with accuracies, on two devices.

Two kinds there are: networks that a file lists (:mod:`nasc_search.experiment.enumerated`), and all that FBNet's layers
can make up (:mod:`nasc_search.experiment.layered`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from nasc_search.experiment.anatomy import Anatomy
from nasc_search.experiment.apportion import Apportioning
from nasc_search.experiment.pool import Pool


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """A device and what its file says of it."""

    source: str
    slowdown: float
    fastest_ms: float
    median_ms: float
    slowest_ms: float
    operators_run: str
    """``every``, ``converted`` or ``live``: see fewshot/basis.py."""
    fit_r2: float
    fit_largest_residual_ms: float


@dataclass(frozen=True, slots=True)
class PredictionEntry:
    """How well accuracies of all networks are told from those that were evaluated; 5-fold, held out."""

    samples: int
    best_sample_percent: float
    spearman: float
    """Of the additive score, which is searched."""
    kendall: float
    mean_error_points: float
    full_spearman: float
    """Of the full prediction, which ranks anew."""
    full_kendall: float
    full_mean_error_points: float


class World(Protocol):
    """A kind of experiment."""

    @property
    def anatomy(self) -> Anatomy:
        """Blocks and cuts."""
        ...

    @property
    def architectures(self) -> int | str:
        """How many; ``9^22`` where no number of 64 bits says it."""
        ...

    @property
    def accuracy_unit(self) -> str:
        """What a point is a point of, in a few words."""
        ...

    @property
    def is_proxy(self) -> bool:
        """Whether accuracies only order networks by size."""
        ...

    @property
    def best_accuracy_percent(self) -> float:
        """The highest there is."""
        ...

    @property
    def prediction(self) -> PredictionEntry | None:
        """None where accuracies are known."""
        ...

    @property
    def devices(self) -> tuple[DeviceEntry, DeviceEntry]:
        """Board and server."""
        ...

    @property
    def ms_per_mac(self) -> tuple[float, float]:
        """Of whole networks on board and server, at the median."""
        ...

    @property
    def apportionings(self) -> tuple[Apportioning, ...]:
        """All that either device's latencies may fall to blocks by."""
        ...

    @property
    def others(self) -> tuple[World, ...]:
        """The same with accuracies of another kind, to see how conclusions move."""
        ...

    def pool(self, board: Apportioning, server: Apportioning) -> Pool:
        """What can win."""
        ...

    def assumptions(self) -> Iterator[str]:
        """What is taken for granted of latencies and accuracies, a sentence or two each."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and why."""
        ...
