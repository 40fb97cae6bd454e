"""Why a measurement is not simply valid: the closed set of codes, the verdict of each, what to do about it.

Degraded measurements are used, with a wider error; invalid ones are not used, and the user is told which and why.
docs/validity.md lists all codes for the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nasc_sdk.profiling.profile import Conditions, Validity

_SAME: Final = ("runtime", "kernels", "threads", "machine", "processor", "governor", "label", "unit")
"""Fields of Conditions that times depend on and that a user can keep; the load and the temperature are neither."""


class Code(StrEnum):
    """Stable reason of a verdict; ``Measurement.code`` holds its value on the wire."""

    NOISY = "noisy"
    """The samples of the unit spread widely. Stop what else runs, or take more rounds."""
    SLOWED = "slowed"
    """Probes found the processor slowed during most samples. Measure again on an idle, cool machine."""
    THROTTLED = "throttled"
    """The system lowered the clock for heat or power while the unit was timed. Cool the board."""
    UNDER_VOLTAGE = "under_voltage"
    """The supply's voltage fell while the unit was timed. Use a stronger supply and a short cable."""
    OTHER_SPEED = "other_speed"
    """The machine ran at another speed than in the first batch; the time is scaled. Fix the clock."""
    CONTRADICTORY = "contradictory"
    """The unit was timed twice, and the times differ by far more than their noise. Measure it again."""
    COARSE_CLOCK = "coarse_clock"
    """One step of the clock is more than a hundredth of a sample. Measure a larger unit."""
    FOREIGN_KEY = "foreign_key"
    """The unit is no block or chain of blocks that the cost model knows. Leave it out of the plan."""
    NO_POSITIVE_TIME = "no_positive_time"
    """The time is zero, negative or no number, or there is no sample. Measure again."""
    INVALID = "invalid"
    """The device called the measurement invalid and did not say why. Measure again."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a code says to the user."""

    verdict: Validity
    meaning: str
    """Half a sentence."""
    advice: str
    """One sentence."""


_TOLD: Final[dict[Code, _Told]] = {
    Code.NOISY: _Told(
        Validity.DEGRADED,
        "samples of the same unit spread widely",
        "Stop other programs on the device, or measure again with more --rounds.",
    ),
    Code.SLOWED: _Told(
        Validity.DEGRADED,
        "the processor was slowed during most samples",
        "Measure again when neither heat nor other users slow the machine.",
    ),
    Code.THROTTLED: _Told(
        Validity.DEGRADED,
        "the clock was lowered for heat or power during the measurement",
        "Let the board cool or give it a heat sink, and measure again; `profile --sustained` shows what heat costs.",
    ),
    Code.UNDER_VOLTAGE: _Told(
        Validity.DEGRADED,
        "the supply's voltage fell during the measurement",
        "Use a stronger power supply and a short cable, unplug USB devices, and measure again.",
    ),
    Code.OTHER_SPEED: _Told(
        Validity.DEGRADED,
        "the machine ran at another speed than before, and the times are scaled",
        "Set the governor to performance or let the board cool, and calibrate again.",
    ),
    Code.CONTRADICTORY: _Told(
        Validity.DEGRADED,
        "measured more than once, and the times differ by far more than their noise",
        "Measure these units again on an idle machine.",
    ),
    Code.COARSE_CLOCK: _Told(
        Validity.DEGRADED,
        "a step of the clock is more than a hundredth of a sample",
        "Trust larger units only, or measure on a system with a finer clock.",
    ),
    Code.FOREIGN_KEY: _Told(
        Validity.INVALID,
        "not a unit of the search space",
        "Leave such units out of what is fitted.",
    ),
    Code.NO_POSITIVE_TIME: _Told(
        Validity.INVALID,
        "the time is not a positive number, or there is no sample",
        "Measure again, and check the device's time source if it stays so.",
    ),
    Code.INVALID: _Told(
        Validity.INVALID,
        "the device called it invalid without a reason",
        "Measure again, and look into the device's log if it stays so.",
    ),
}


def verdict(code: Code) -> Validity:
    """Whether measurements with this code are used: degraded ones with a wider error, invalid ones not."""
    return _TOLD[code].verdict


def meaning(code: Code) -> str:
    """What the code says of a measurement, half a sentence."""
    return _TOLD[code].meaning


def advice(code: Code) -> str:
    """What to do next, one sentence."""
    return _TOLD[code].advice


def read_code(text: str) -> Code | None:
    """The code that came over the wire; None for one of another version."""
    try:
        return Code(text)
    except ValueError:
        return None


def same_conditions(a: Conditions, b: Conditions) -> tuple[str, ...]:
    """Names of the fields that differ between conditions whose times must not be mixed; empty when none does."""
    return tuple(name for name in _SAME if getattr(a, name) != getattr(b, name))
