"""Networks that files list, with whole latencies measured: a :class:`nasc_search.experiment.world.World`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nasc_search.experiment.anatomy import Anatomy, Array, anatomy_of
from nasc_search.experiment.apportion import OF_TOTALS, Apportioned, Apportioning, Fit, apportion, fit
from nasc_search.experiment.options import Options
from nasc_search.experiment.pool import Pool
from nasc_search.experiment.sources import Subject, read_subject
from nasc_search.experiment.world import DeviceEntry, World
from nasc_search.measured.npz import SpaceName


@dataclass(frozen=True, slots=True)
class _Device:
    """Totals, what they say, and how they fall to blocks."""

    source: str
    slowdown: float
    total_ms: Array
    fitted: Fit
    shares: dict[Apportioning, Apportioned]

    @classmethod
    def of(cls, source: str, slowdown: float, anatomy: Anatomy, subject: Subject, own_ms: Array) -> _Device:
        total_ms = own_ms * slowdown
        fitted = fit(anatomy, subject.arch, total_ms)
        shares = {how: apportion(anatomy, subject.arch, total_ms, fitted, how) for how in OF_TOTALS}
        return cls(source, slowdown, total_ms, fitted, shares)

    @property
    def entry(self) -> DeviceEntry:
        low, middle, high = np.percentile(self.total_ms, (0, 50, 100)).round(4).tolist()
        return DeviceEntry(
            self.source, self.slowdown, low, middle, high, self.fitted.reach.value, round(self.fitted.r2, 4),
            float(f"{self.fitted.residual_ms:.3g}"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enumerated:
    """Made by :meth:`open`."""

    options: Options
    subject: Subject
    anatomy: Anatomy
    board: _Device
    server: _Device
    apportionings: tuple[Apportioning, ...] = OF_TOTALS

    @classmethod
    def open(cls, options: Options) -> Enumerated:
        """Read the sources; raises InputError."""
        subject = read_subject(options.space, options.accuracy, options.board, options.server)
        anatomy = anatomy_of(subject.space)
        return cls(
            options, subject, anatomy,
            _Device.of(options.board, options.board_slowdown, anatomy, subject, subject.board_ms),
            _Device.of(options.server, options.server_slowdown, anatomy, subject, subject.server_ms),
        )  # fmt: skip

    @property
    def architectures(self) -> int:
        """Those that all files share."""
        return self.subject.size

    @property
    def accuracy_unit(self) -> str:
        """The table's name of it."""
        return "proxy" if self.is_proxy else self.options.accuracy.rpartition(":")[2]

    @property
    def is_proxy(self) -> bool:
        """Where nothing is known."""
        return self.subject.is_proxy

    @property
    def best_accuracy_percent(self) -> float:
        """Of all."""
        return float(self.subject.accuracy_percent.max())

    @property
    def prediction(self) -> None:
        """Nothing is predicted."""
        return None

    @property
    def devices(self) -> tuple[DeviceEntry, DeviceEntry]:
        """Board and server."""
        return self.board.entry, self.server.entry

    @property
    def ms_per_mac(self) -> tuple[float, float]:
        """As their fits say."""
        return self.board.fitted.ms_per_mac, self.server.fitted.ms_per_mac

    @property
    def others(self) -> tuple[World, ...]:
        """A table's accuracies are what they are."""
        return ()

    def pool(self, board: Apportioning, server: Apportioning) -> Pool:
        """All of them."""
        subject = self.subject
        return Pool.build(subject.accuracy_percent, self.board.shares[board], self.server.shares[server], subject.row)

    def assumptions(self) -> Iterator[str]:
        """Of totals and, for FBNet, of what stands in for accuracies."""
        yield (
            f"Totals are apportioned to blocks by '{self.options.apportioning.value}' (experiment/apportion.py); a "
            "total does not show it, so that all four apportionings of either device are run and compared under "
            "'uncertainty'."
        )
        if self.subject.space is SpaceName.FBNET:
            yield (
                "FBNet's totals are sums over layers relative to 'skip', by least squares; the constant holds stem, "
                "head and all skips, and falls to them by the apportioning. Candidates are the networks that the files "
                "list, not all 9^22."
            )
        if self.subject.is_proxy:
            yield (
                "No accuracies of FBNet's networks are known here: 55 + 20 (1 - exp(-MACs / median MACs)) stands in, a "
                "proxy that only orders networks by size. What is saved 'at 0.5 points' is saved at 0.5 of the proxy's "
                "points."
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the sources."""
        return self.subject.notes
