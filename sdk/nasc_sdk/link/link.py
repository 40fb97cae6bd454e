"""Link: the measured distribution of throughput and round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.link.loss import LossModel, check_loss


@dataclass(frozen=True, slots=True)
class LinkSummary:
    """A link in few numbers: 5th, 50th and 95th percentile of its samples, each by itself."""

    throughput_mbit_s: tuple[float, float, float]
    round_trip_ms: tuple[float, float, float]
    loss: float
    segment_loss: float
    samples: int


@dataclass(frozen=True, slots=True)
class Link:
    """Paired samples of uplink throughput and round trip; one sample is one moment of the link.

    ``loss`` is the share of requests that were lost or retransmitted, for display; its effect on time is already in
    the samples. ``segment_loss`` is that of segments lost beside what the samples say, of links that nobody measured.
    """

    throughput_mbit_s: tuple[float, ...]
    round_trip_ms: tuple[float, ...]
    loss: float = 0.0
    segment_loss: float = 0.0

    def __post_init__(self) -> None:
        if not self.throughput_mbit_s or len(self.throughput_mbit_s) != len(self.round_trip_ms):
            raise InputError("a link needs as many throughput as round-trip samples, and at least one")
        values = np.asarray((self.throughput_mbit_s, self.round_trip_ms))
        if not (np.isfinite(values).all() and (values[0] > 0).all() and (values[1] >= 0).all()):
            raise InputError("throughput must be positive and round trips not negative, all finite")
        check_loss(self.segment_loss)

    @classmethod
    def fixed(cls, throughput_mbit_s: float, round_trip_ms: float, segment_loss: float = 0.0) -> Link:
        """A link that never varies, but for what it loses."""
        return cls((throughput_mbit_s,), (round_trip_ms,), segment_loss=segment_loss)

    def transfer_ms(self, payload_bytes: int) -> NDArray[np.float64]:
        """Round trip plus time on the wire of a payload that loses nothing, one value a sample; milliseconds."""
        throughput = np.asarray(self.throughput_mbit_s)
        return np.asarray(np.asarray(self.round_trip_ms) + payload_bytes * 8e-3 / throughput, np.float64)

    def transfer_quantile_ms(self, payload_bytes: int, percentile: float) -> float:
        """A percentile of the time of a payload, losses included (:mod:`nasc_sdk.link.loss`)."""
        model = LossModel(np.array([payload_bytes]), self.segment_loss, percentile)
        trips, wires = np.array([self.round_trip_ms]), payload_bytes * 8e-3 / np.array([self.throughput_mbit_s])
        return float(model.quantiles_ms(trips, wires)[1].min())

    def summary(self) -> LinkSummary:
        """What is shown where samples would be too many."""
        low, middle, high = np.percentile((self.throughput_mbit_s, self.round_trip_ms), (5, 50, 95), axis=1).tolist()
        throughput, trip = zip(low, middle, high, strict=True)
        return LinkSummary(throughput, trip, self.loss, self.segment_loss, len(self.throughput_mbit_s))

    def __str__(self) -> str:
        loses = f", {100 * self.segment_loss:g} % of segments lost" if self.segment_loss else ""
        return describe_link(self.throughput_mbit_s, self.round_trip_ms) + loses


def describe_link(throughput_mbit_s: Sequence[float], round_trip_ms: Sequence[float]) -> str:
    """Medians of samples, for people."""
    throughput, trip = float(np.median(throughput_mbit_s)), float(np.median(round_trip_ms))
    return f"{rounded(throughput)} Mbit/s, {rounded(trip)} ms round trip"


def rounded(value: float) -> str:
    """Three digits that mean something, and no exponent for large values."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
