"""From measured steps of packing and entropy coding to straight lines over bytes, least relative squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.coding import Step, StepTime, parse_unit_key
from nasc_sdk.cost.model import Z95
from nasc_sdk.profiling.profile import Measurement, Validity

_DEGRADED_WEIGHT: Final = 1 / 3


def fit_coding(measurements: Sequence[Measurement]) -> tuple[StepTime, ...]:
    """A line for every step that was measured; invalid measurements and strangers do not count."""
    found: dict[Step, list[tuple[int, float, float, float]]] = {}
    for measured in measurements:
        known, us = parse_unit_key(measured.key), measured.timing.median
        if known is None or measured.validity is Validity.INVALID or not (np.isfinite(us) and us > 0):
            continue
        weight = _DEGRADED_WEIGHT if measured.validity is Validity.DEGRADED else 1.0
        jitter = max(measured.timing.p95 / us - 1.0, 0.0) / Z95
        found.setdefault(known[0], []).append((known[1], us, weight, jitter if np.isfinite(jitter) else 0.0))
    return tuple(_line(step, np.asarray(found[step])) for step in Step if step in found)


def _line(step: Step, points: NDArray[np.float64]) -> StepTime:
    """Through (size, us, weight, jitter); neither coefficient is negative, so that no size takes less than nothing."""
    size, us, weight, jitter = points.T
    design = np.column_stack([np.ones(len(size)), size]) / us[:, None] * weight[:, None]
    best, least = np.zeros(2), np.inf
    # All of it where both come out positive, else the better of a constant and a line through zero.
    for columns in ([0, 1], [0], [1]):
        if len(columns) > len(np.unique(size)):
            continue
        coefficients = np.linalg.lstsq(design[:, columns], weight, rcond=None)[0]
        left = float(np.square(design[:, columns] @ coefficients - weight).sum())
        if (coefficients >= 0).all() and left < least:
            best, least = np.zeros(2), left
            best[columns] = coefficients
    relative = (best[0] + best[1] * size) / us - 1.0
    error = float(np.sqrt(np.average(np.square(relative), weights=np.square(weight))))
    return StepTime(step, float(best[0]), float(best[1]), error, float(np.median(jitter)))
