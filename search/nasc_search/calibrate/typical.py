"""What a unit takes at the device's usual speed, also where the machine was slow for a part of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from nasc_sdk.profiling.profile import Measurement, Validity

_UNSTEADY: Final = 1.15
"""Median against minimum above which a degraded unit's median is taken to be of several speeds."""


def usual_ratio(measurements: Sequence[Measurement]) -> float:
    """Median against minimum where the machine was steady: what the minimum of another unit says of its time."""
    ratios = [(m.timing.median / m.timing.minimum, m.validity) for m in measurements if m.timing.minimum > 0]
    steady = [ratio for ratio, validity in ratios if validity is Validity.VALID]
    return float(np.median(steady or [ratio for ratio, _ in ratios] or [1.0]))


def typical_us(measurement: Measurement, usual: float) -> float:
    """The unit's median, or ``usual`` times its minimum where it is degraded and its median far from its minimum.

    A machine that changes its speed meanwhile has medians of the one speed and of the other; its minima agree.
    """
    timing = measurement.timing
    degraded = measurement.validity is Validity.DEGRADED
    return usual * timing.minimum if degraded and timing.median > _UNSTEADY * timing.minimum > 0 else timing.median
