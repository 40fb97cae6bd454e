"""What the samples of a unit say: its times, and whether they are to be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from nasc_sdk.profiling.profile import Measurement, Timing, Validity
from nasc_sdk.profiling.throttling import Flag, code_of
from nasc_sdk.profiling.validity import Code, verdict

DISTURBED_ABOVE: Final = 0.2
"""Share of tries that lost the core above which the profile says so."""
NOISY_ABOVE: Final = 0.10
"""Robust coefficient of variation above which a unit is called noisy; quiet machines show 1-2 %."""
FULL_SPEED_SHARE: Final = 0.3
"""Share of a unit's samples at full speed that is enough for its median."""
CLOCK_STEPS: Final = 100
"""Steps of the clock that make a sample: below that its coarseness shows."""


class Named(Protocol):
    """What is timed, as a Profile lists it."""

    @property
    def key(self) -> str:
        """See :class:`nasc_sdk.profiling.profile.Measurement`."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def shape(self) -> str:
        """What goes in."""


Item = TypeVar("Item", bound=Named)


@dataclass(slots=True)
class Samples(Generic[Item]):
    """A unit and its samples so far, nanoseconds an invocation."""

    item: Item
    samples_ns: list[float] = field(default_factory=list)
    tries_ns: list[float] = field(default_factory=list)
    probes_s: list[float] = field(default_factory=list)
    """The slower of the probes before and after each sample."""
    lost: int = 0
    """Tries during which the system gave the core to somebody else."""
    repeats: int = 0
    flags: frozenset[Flag] = frozenset()
    """Of throttling, while the unit was timed."""
    output_sha256: str = ""


def measurement(unit: Samples[Any], slowest_s: float, resolution_ns: float) -> Measurement:
    """The unit's times and whether they are to be trusted.

    ``slowest_s``: a probe that took longer found the processor slowed. ``resolution_ns`` is a step of the clock.
    """
    full = [ns for ns, probed in zip(unit.samples_ns, unit.probes_s, strict=True) if probed <= slowest_s]
    slowed = len(full) < FULL_SPEED_SHARE * len(unit.samples_ns)
    counted = unit.samples_ns if slowed else full
    code = code_of(unit.flags) or (Code.SLOWED if slowed else None)
    code = code or (Code.COARSE_CLOCK if _coarse(counted, unit.repeats, resolution_ns) else None)
    code = code or (Code.NOISY if robust_cv(counted) > NOISY_ABOVE else None)
    return Measurement(
        key=unit.item.key,
        title=unit.item.title,
        shape=unit.item.shape,
        timing=summarize(counted, unit.tries_ns),
        validity=verdict(code) if code else Validity.VALID,
        code=code.value if code else "",
        output_sha256=unit.output_sha256,
    )


def _coarse(samples_ns: Sequence[float], repeats: int, resolution_ns: float) -> bool:
    """Whether one step of the clock is more than a hundredth of a sample, which is ``repeats`` invocations."""
    return CLOCK_STEPS * resolution_ns > float(np.median(samples_ns)) * repeats


def disturbed(units: Sequence[Samples[Any]]) -> tuple[str, ...]:
    """A note when other processes took the core again and again."""
    share = sum(unit.lost for unit in units) / sum(len(unit.tries_ns) for unit in units)
    if share <= DISTURBED_ABOVE:
        return ()
    lost = f"{share:.0%} of the tries lost the core to another process"
    return (f"the machine was busy: {lost}; profile again when it is idle",)


def summarize(samples_ns: Sequence[float], tries_ns: Sequence[float] = ()) -> Timing:
    """Median and minimum of samples in nanoseconds, p95 of all tries (the samples without them), as microseconds."""
    median, minimum = np.percentile(np.asarray(samples_ns) / 1000, (50, 0))
    p95 = np.percentile(np.asarray(tries_ns or samples_ns) / 1000, 95)
    return Timing(float(median), max(float(p95), float(median)), float(minimum), len(samples_ns))


def robust_cv(samples: Sequence[float]) -> float:
    """1.4826 * median absolute deviation / median: a spread that a few outliers do not move."""
    median = float(np.median(samples))
    return 1.4826 * float(np.median(np.abs(np.asarray(samples) - median))) / median if median > 0 else 0.0
