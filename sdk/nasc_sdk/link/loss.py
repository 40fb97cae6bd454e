"""How long requests take over a link that loses segments: outcomes with their probabilities, in place of one time.

A request is a payload of some segments and an answer of one, each lost with the same probability whatever befell the
others; :mod:`nasc_sdk.link.retransmission` has the rules. An outcome is "no more was lost than this": a probability,
and a time that is not exceeded. Of the requests that may be late some lost more, the others met a slow moment of the
link: where an outcome has the probability ``F``, the percentile ``P`` of all requests is at most the percentile
``P / F`` of the link's samples in that outcome, and the least of these over all outcomes counts.

With more loss, longer round trips or slower wires nothing gets faster: the outcomes stay the same, their probabilities
fall and their times rise. Regime maps stand on that. A payload of one segment may be slower than one of two, whose last
segment is probed for.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.link.retransmission import MAX_TIMEOUTS, SEGMENT_BYTES, probe_ms, timeouts_ms, window_segments

Array = NDArray[np.float64]
MAX_LOSS: Final = 0.5
"""TCP is of no use long before."""
_SPARED: Final = (384, 256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
_EVERY: Final = slice(None)


class LossModel:
    """Payloads at one loss and percentile: n payloads, O outcomes, S samples of a link.

    Where the loss is 0 there is one outcome, in which nothing was lost.
    """

    def __init__(self, payload_bytes: NDArray[Any], loss: float, percentile: float) -> None:
        check_loss(loss)
        self._loss = loss
        self._segments = np.maximum(-(-payload_bytes // SEGMENT_BYTES), 1).astype(np.int64)
        self._window = window_segments(loss) or 0
        self._rounds = (self._segments - 1) // self._window if loss else np.zeros_like(self._segments)
        """Windows before the last one."""
        most = int(self._segments.max(initial=1))
        ladder = [most, *(spared for spared in _SPARED if spared < most)] if loss else [most]
        self._spared = np.minimum(np.asarray(ladder)[:, None], self._segments)
        """[., n] of the first outcomes: segments at the end that arrived at once, while their time on the wire hides
        that earlier ones were sent again, once at most.
        """
        self._timeouts = list(range(MAX_TIMEOUTS + 1)) if loss else []
        """Of the other outcomes, in which the last segment may be sent again as well."""
        self.level: Array = percentile / 100 / self._probability()
        """[O, n] where the percentile of all requests lies among the link's samples, 0..1; from 1 on it does not."""
        useful = (self.level < 1).any(axis=1) | (not len(self._segments))
        self._timeouts = [count for count, use in zip(self._timeouts, useful[len(ladder) :], strict=True) if use]
        self._spared, self.level = self._spared[useful[: len(ladder)]], self.level[useful]

    def quantiles_ms(self, round_trip_ms: Array, wire_ms: Array, which: Any = _EVERY) -> tuple[Array, Array]:
        """[O, n] median and quantile at the level, infinite where that is none.

        Round trips and times on the wire broadcast to [n, S]; ``which`` are the places of these payloads among those of
        the model.
        """
        level = self.level[:, which]
        samples = self._samples_ms(round_trip_ms, wire_ms, which)
        samples = np.sort(samples.reshape(level.size, samples.shape[-1]), axis=1)
        quantile = sorted_quantile(samples, np.minimum(level, 1.0).ravel()).reshape(level.shape)
        return sorted_quantile(samples, 0.5).reshape(level.shape), np.where(level < 1, quantile, np.inf)

    def _samples_ms(self, round_trip_ms: Array, wire_ms: Array, which: Any) -> Array:
        """[O, n, S] most that each payload takes."""
        if not self._loss:
            return np.asarray(round_trip_ms + wire_ms, np.float64)[None]
        segments, rounds = self._segments[which, None], self._rounds[which, None]
        # What is lost is on the wire again.
        wire_ms = wire_ms / (1 - self._loss)
        each_ms = wire_ms / segments
        # Each window takes a round trip, and one more where something of it is lost; in several, nothing hides that.
        windows_ms = round_trip_ms * (1 + rounds)
        last_ms = (segments - rounds * self._window) * each_ms
        arrived = np.maximum(round_trip_ms + wire_ms, windows_ms + last_ms)
        spared = self._spared[:, which, None]
        hidden = np.where(rounds, 0.0, spared * each_ms)
        again = np.where(spared < segments, np.maximum(windows_ms - hidden, 0.0), 0.0)
        last = np.where(segments > 1, windows_ms - round_trip_ms + probe_ms(round_trip_ms), 0.0)
        timeouts = [last + timeouts_ms(round_trip_ms, count) for count in self._timeouts]
        return np.asarray(arrived + np.concatenate([again, timeouts]), np.float64)

    def _probability(self) -> Array:
        """[O, n] of each outcome; the last is certain."""
        if not self._loss:
            return np.ones_like(self._spared, np.float64)
        kept, once = 1 - self._loss, 1 - self._loss**2
        again = kept ** (self._spared + 1) * once ** (self._segments - self._spared)
        timeouts = [self._found_in(count) for count in range(MAX_TIMEOUTS)]
        return np.concatenate([again, timeouts, np.ones((1, len(self._segments)))])

    def _found_in(self, timeouts: int) -> Array:
        """[n] probability that answer and worst segment take no more timeouts; the first loss of several takes none."""
        free = (self._segments > 1).astype(np.int64)
        parts = [
            self._loss**answer * (1 - self._loss) * (1 - self._loss ** (timeouts - answer + 1 + free)) ** self._segments
            for answer in range(timeouts + 1)
        ]
        return np.asarray(np.sum(parts, axis=0), np.float64)


def check_loss(loss: float) -> None:
    """InputError where a share of lost segments is none that can be computed with."""
    if not 0 <= loss <= MAX_LOSS:
        raise InputError(f"a share of lost segments is between 0 and {MAX_LOSS:g}, not {loss}")


def sorted_quantile(samples: Array, level: Array | float) -> Array:
    """numpy's linear quantile along the second axis of sorted samples, without its 100 us of checks.

    The level, 0..1, may be another one in each row.
    """
    position = np.asarray(level) * (samples.shape[1] - 1)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, samples.shape[1] - 1)
    rows = np.arange(len(samples))
    below = samples[rows, low]
    return np.asarray(below + (samples[rows, high] - below) * (position - low), np.float64)
