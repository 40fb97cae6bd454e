"""Link: the measured distribution of throughput and round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError


@dataclass(frozen=True, slots=True)
class Link:
    """Paired samples of uplink throughput and round trip; one sample is one moment of the link.

    ``loss`` is the share of requests that were lost or retransmitted, for display; its effect on time is already in
    the samples.
    """

    throughput_mbit_s: tuple[float, ...]
    round_trip_ms: tuple[float, ...]
    loss: float = 0.0

    def __post_init__(self) -> None:
        if not self.throughput_mbit_s or len(self.throughput_mbit_s) != len(self.round_trip_ms):
            raise InputError("a link needs as many throughput as round-trip samples, and at least one")
        values = np.asarray((self.throughput_mbit_s, self.round_trip_ms))
        if not (np.isfinite(values).all() and (values[0] > 0).all() and (values[1] >= 0).all()):
            raise InputError("throughput must be positive and round trips not negative, all finite")

    @classmethod
    def fixed(cls, throughput_mbit_s: float, round_trip_ms: float) -> Link:
        """A link that never varies."""
        return cls((throughput_mbit_s,), (round_trip_ms,))

    def transfer_ms(self, payload_bytes: int) -> NDArray[np.float64]:
        """Round trip plus time on the wire for a payload, one value a sample; milliseconds."""
        throughput = np.asarray(self.throughput_mbit_s)
        return np.asarray(np.asarray(self.round_trip_ms) + payload_bytes * 8e-3 / throughput, np.float64)

    def transfer_quantile_ms(self, payload_bytes: int, percentile: float) -> float:
        """A percentile of :meth:`transfer_ms`."""
        return float(np.percentile(self.transfer_ms(payload_bytes), percentile))

    def __str__(self) -> str:
        return describe_link(self.throughput_mbit_s, self.round_trip_ms)


def describe_link(throughput_mbit_s: Sequence[float], round_trip_ms: Sequence[float]) -> str:
    """Medians of samples, for people."""
    throughput, trip = float(np.median(throughput_mbit_s)), float(np.median(round_trip_ms))
    return f"{rounded(throughput)} Mbit/s, {rounded(trip)} ms round trip"


def rounded(value: float) -> str:
    """Three digits that mean something, and no exponent for large values."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
