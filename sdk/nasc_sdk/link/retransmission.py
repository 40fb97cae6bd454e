"""When TCP sends a lost segment again: the rules that the shaped line plays and the loss model predicts by.

As Linux does it with its defaults (RFC 6298 with a least timeout of 200 ms, RFC 8985 for losses that acknowledgements
tell and for probes). ``benchmarks/lossy_tcp.py`` holds them against the kernel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T", float, "NDArray[np.float64]")

SEGMENT_BYTES: Final = 1400
MIN_TIMEOUT_MS: Final = 200.0
"""Linux waits a round trip and at least this before it takes a segment as lost that nothing follows."""
PROBE_MS: Final = 8.0
"""Two ticks of a kernel at 250 Hz."""
MAX_TIMEOUTS: Final = 4
"""Of one segment: bounds the time that it may take at any loss."""


def probe_ms(round_trip_ms: T) -> T:
    """After which the last of several segments is sent again; one that others follow is after a round trip."""
    return 2 * round_trip_ms + PROBE_MS


def timeouts_ms(round_trip_ms: T, count: int) -> T:
    """After which a segment alone is, or one that was lost again; each timeout is twice as long as the one before."""
    return (round_trip_ms + MIN_TIMEOUT_MS) * ((1 << count) - 1)


def window_segments(loss: float) -> int | None:
    """Segments that Reno and CUBIC have on their way when they have just met a loss; None for no bound.

    Mathis et al. 1997: the window is a sawtooth from sqrt(2 / 3p) up to twice that.
    """
    return max(int(math.sqrt(2 / (3 * loss))), 1) if loss else None
