"""All 9^22 networks of FBNet's layers: a :class:`nasc_search.experiment.world.World`.

Latencies are sums over layers, and so is the score that accuracies are predicted by; the networks that can win by it
(:mod:`nasc_search.experiment.winners`), some ten thousand, are the pool. What is exact is that score. In the other
world (``others``) the same networks, near its front at every cut, have the accuracies of the full prediction: the
candidates ranked anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.layered_predictor import LayeredPredictor
from nasc_search.accuracy.table import read_accuracies
from nasc_search.accuracy.trained import Trained, read_trained
from nasc_search.experiment.anatomy import Anatomy, anatomy_of
from nasc_search.experiment.apportion import OF_LAYERS, Apportioning, constant_share
from nasc_search.experiment.options import Options
from nasc_search.experiment.pool import Pool
from nasc_search.experiment.sources import PROXY
from nasc_search.experiment.winners import Codes, LayerTimes, names_of, winners
from nasc_search.experiment.world import DeviceEntry, PredictionEntry
from nasc_search.fewshot.basis import Reach
from nasc_search.measured.entry import Entry
from nasc_search.measured.fbnet import LAYERS, OPS, TRAITS
from nasc_search.measured.layer_table import LayerTable, read_layer_table
from nasc_search.measured.npz import SpaceName

SUFFIX: Final = ".json"
"""Of files of layers."""
_TYPICAL: Final = 1000
"""Networks, drawn uniformly with a fixed seed, whose median is a device's."""


@dataclass(frozen=True, eq=False)
class Layered:
    """Made by :meth:`open`."""

    options: Options
    anatomy: Anatomy
    board: LayerTable
    server: LayerTable
    trained: Trained
    predictor: LayeredPredictor
    codes: Codes
    """[n, 22] Networks that can win by the additive score."""
    is_full: bool = False
    """Whether accuracies are the full prediction's, not those of the additive score."""
    apportionings: tuple[Apportioning, ...] = OF_LAYERS
    architectures: str = f"{len(OPS)}^{LAYERS}"
    notes: tuple[str, ...] = ()

    @classmethod
    def open(cls, options: Options) -> Layered:
        """Read the sources and fit the predictor; raises InputError."""
        board, server = (read_layer_table(Entry.parse(text)) for text in (options.board, options.server))
        trained = _evaluated(options.accuracy)
        predictor = LayeredPredictor.fit(trained.codes, trained.accuracy, (len(OPS),) * LAYERS, traits=TRAITS)
        times = options.board_slowdown * board.relative_ms, options.server_slowdown * server.relative_ms
        codes = winners(*times, predictor.score)
        return cls(options, anatomy_of(SpaceName.FBNET), board, server, trained, predictor, codes)

    @property
    def accuracy_unit(self) -> str:
        """Of no data set but the supernet's."""
        return f"predicted for {self.trained.task}"

    @property
    def is_proxy(self) -> bool:
        """They are of networks, though of others than the latencies'."""
        return False

    @property
    def best_accuracy_percent(self) -> float:
        """By the additive score."""
        best = np.nanargmax(self.predictor.score, axis=1)
        return 100 * float(self.predictor.additive(best[None])[0])

    @property
    def prediction(self) -> PredictionEntry:
        """Of the additive score, and of the full prediction."""
        additive, full = self.predictor.additive_report, self.predictor.report
        figures = (
            round(value, 4)
            for report in (additive, full)
            for value in (report.spearman, report.kendall, 100 * report.mean_error)
        )
        return PredictionEntry(additive.samples, round(100 * float(self.trained.accuracy.max()), 4), *figures)

    @property
    def devices(self) -> tuple[DeviceEntry, DeviceEntry]:
        """Board and server."""
        options = self.options
        return (
            _entry(options.board, options.board_slowdown, self.board),
            _entry(options.server, options.server_slowdown, self.server),
        )

    @cached_property
    def ms_per_mac(self) -> tuple[float, float]:
        """Of the typical networks."""
        codes = _typical()
        chosen = self.anatomy.chosen_macs(codes, Reach.EVERY)
        macs = float(np.median((self.anatomy.fixed_macs + chosen).sum(axis=1)))
        board, server = (float(np.median(table.total_ms(codes))) / macs for table in (self.board, self.server))
        return self.options.board_slowdown * board, self.options.server_slowdown * server

    @property
    def others(self) -> tuple[Layered, ...]:
        """Ranked anew by the full prediction."""
        return () if self.is_full else (replace(self, is_full=True),)

    def pool(self, board: Apportioning, server: Apportioning) -> Pool:
        """The networks that can win."""
        on_board = LayerTimes.of(self.anatomy, self.board, board, self.options.board_slowdown)
        on_server = LayerTimes.of(self.anatomy, self.server, server, self.options.server_slowdown)
        predict = self.predictor.predict if self.is_full else self.predictor.additive
        shares = on_board.shares(self.codes), on_server.shares(self.codes)
        return Pool.build(100 * predict(self.codes), *shares, names_of(self.codes))

    def assumptions(self) -> Iterator[str]:
        """Of the tables of layers, and of predicted accuracies."""
        told, how = self.prediction, self.options.apportioning
        share = constant_share(self.anatomy, how)
        yield (
            "Latencies are sums over FBNet's layers, as recovered from whole networks relative to 'skip'. The constant "
            f"(stem, head and all skips: {self.board.constant_ms:.3g} ms on the board, {self.server.constant_ms:.3g} "
            f"ms on the server, as measured) falls to blocks by '{how.value}', {share[0]:.0%} of it to the stem and "
            f"{share[-1]:.0%} to the head; no total shows that, so that five ways for either device, among them all "
            "of it before any split and all of it after, are compared under 'uncertainty'."
        )
        yield (
            f"Accuracies are predicted from {told.samples} sub-networks of {self.trained.task}, evaluated with its "
            "shared weights on validation images: not those of networks trained alone, and not of CIFAR-100 at width "
            "1, whose layers the latencies are of. A point is a point of that supernet."
        )
        yield (
            f"All 9^22 networks are searched exactly by an additive score (5-fold: Spearman {told.spearman:.3f}, mean "
            f"error {told.mean_error_points:.2f} points), which says {self.best_accuracy_percent:.1f} % of its best "
            f"network; the best evaluated one has {told.best_sample_percent:.1f} %: beyond that it extrapolates. A "
            f"full prediction (Spearman {told.full_spearman:.3f}, {told.full_mean_error_points:.2f} points) ranks the "
            "networks near its fronts anew, under 'uncertainty' as 'is_ranked_anew'."
        )


def _evaluated(text: str) -> Trained:
    if text == PROXY:
        raise InputError(f"{PROXY} stands in for accuracies of listed networks; give those of a supernet: accuracy.npz")
    if text.endswith(".npz"):
        return read_trained(Path(text))
    entry = Entry.parse(text)
    percent = read_accuracies(entry, SpaceName.FBNET)
    return Trained(np.array(list(percent), np.int64), np.array(list(percent.values())) / 100, f"table {entry}")


def _typical() -> Codes:
    return np.random.default_rng(0).integers(0, len(OPS), (_TYPICAL, LAYERS))


def _entry(source: str, slowdown: float, table: LayerTable) -> DeviceEntry:
    ends = table.relative_ms.min(axis=1), table.relative_ms.max(axis=1)
    fastest, slowest = (round(slowdown * (table.constant_ms + float(end.sum())), 4) for end in ends)
    median = round(slowdown * float(np.median(table.total_ms(_typical()))), 4)
    residual = float(f"{slowdown * table.residual_ms:.3g}")
    return DeviceEntry(source, slowdown, fastest, median, slowest, Reach.EVERY.value, round(table.r2, 4), residual)
