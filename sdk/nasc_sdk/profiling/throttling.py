"""Whether the system lowers the processor's clock, as the system shows it; absent files say nothing.

Raspberry Pi: the firmware's ``get_throttled``, hexadecimal; bits 0-3 say what is so now, bits 16-19 what was so at
    some time: since the board started, or since the kernel last asked. Newer kernels call the file
    deprecated in favour of the alarm of the sensor ``rpi_volt``; both are read.
x86: counters of throttling events of each core and package, which only grow.
Any: the state of cooling devices that slow a processor, above zero while they do.
And, where frequencies are shown, a clock far below that at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from nasc_sdk.profiling.sysfs import CPU, ROOT, frequency_mhz, read_number, read_text
from nasc_sdk.profiling.validity import Code

_FIRMWARE: Final = "soc*/soc*firmware/get_throttled"
_OCCURRED_SHIFT: Final = 16
OCCURRED: Final = "_occurred"
"""Ends the word of a flag that was up at some time before."""
_SUPPLY_SENSOR: Final = "rpi_volt"
_COOLING_TYPES: Final = ("processor", "cpufreq", "thermal-cpufreq", "cpuidle", "thermal-idle", "intel_powerclamp")
# Frequency, relative to that at the start, below which the clock counts as lowered.
LOWERED_BELOW: Final = 0.85


class Flag(StrEnum):
    """One way in which a system says that it slows its processor; a stable word of ``Conditions.throttling``."""

    UNDER_VOLTAGE = "under_voltage"
    """The supply's voltage is too low (Raspberry Pi, bit 0)."""
    FREQUENCY_CAPPED = "frequency_capped"
    """The clock is limited (Raspberry Pi, bit 1)."""
    THROTTLED = "throttled"
    """The clock is lowered (Raspberry Pi, bit 2)."""
    SOFT_TEMPERATURE_LIMIT = "soft_temperature_limit"
    """The first temperature limit is reached, turbo is off (Raspberry Pi, bit 3)."""
    THERMAL_THROTTLE = "thermal_throttle"
    """The counters of throttling events grew (x86)."""
    COOLING = "cooling"
    """A cooling device that slows a processor is active."""
    LOWERED_CLOCK = "lowered_clock"
    """The fastest core's frequency fell far below that at the start."""


_FIRMWARE_BITS: Final = (Flag.UNDER_VOLTAGE, Flag.FREQUENCY_CAPPED, Flag.THROTTLED, Flag.SOFT_TEMPERATURE_LIMIT)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the files show at one moment."""

    up: frozenset[Flag]
    occurred: frozenset[Flag]
    events: float
    """Sum of all throttling counters."""
    mhz: float


class ThrottleWatch:
    """Collects the flags that are up at any look, or that went up and down between two of them."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._first = self._last = _look(root)
        self._seen: set[Flag] = set(self._first.up)

    def look(self) -> frozenset[Flag]:
        """All flags since the watch began. Reads a dozen small files: not while something is timed."""
        now = _look(self._root)
        # A bit of what occurred that was up before says nothing about this run: only its rising does.
        self._seen |= now.up | (now.occurred - self._last.occurred)
        if now.events > self._last.events:
            self._seen.add(Flag.THERMAL_THROTTLE)
        if now.mhz < LOWERED_BELOW * self._first.mhz:
            self._seen.add(Flag.LOWERED_CLOCK)
        self._last = now
        return frozenset(self._seen)


def throttling_now(root: Path = ROOT) -> tuple[str, ...]:
    """Words of the flags that are up now, and with ``_occurred`` of those that were at some time."""
    found = _look(root)
    return tuple(sorted((*found.up, *(f"{flag}{OCCURRED}" for flag in found.occurred))))


def code_of(flags: frozenset[Flag]) -> Code | None:
    """The code of units that were timed under these flags; the supply before heat, which it looks like."""
    if Flag.UNDER_VOLTAGE in flags:
        return Code.UNDER_VOLTAGE
    return Code.THROTTLED if flags else None


def _look(root: Path) -> _Look:
    # The soc is "soc" on a Raspberry Pi 4; other device trees add its address.
    bits = 0
    for path in (root / "sys/devices/platform").glob(_FIRMWARE):
        bits |= _hexadecimal(read_text(path))
    up = {flag for bit, flag in enumerate(_FIRMWARE_BITS) if bits >> bit & 1}
    occurred = frozenset(flag for bit, flag in enumerate(_FIRMWARE_BITS) if bits >> (bit + _OCCURRED_SHIFT) & 1)
    if any(_alarmed(path) for path in (root / "sys/class/hwmon").glob("hwmon*")):
        up.add(Flag.UNDER_VOLTAGE)
    if any(_cools(path) for path in (root / "sys/class/thermal").glob("cooling_device*")):
        up.add(Flag.COOLING)
    counters = (root / CPU).glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
    return _Look(frozenset(up), occurred, sum(read_number(read_text(path)) for path in counters), frequency_mhz(root))


def _alarmed(sensor: Path) -> bool:
    return read_text(sensor / "name") == _SUPPLY_SENSOR and read_number(read_text(sensor / "in0_lcrit_alarm")) > 0


def _cools(device: Path) -> bool:
    kind = read_text(device / "type").lower()
    # An idle intel_powerclamp says -1.
    return kind.startswith(_COOLING_TYPES) and read_number(read_text(device / "cur_state")) > 0


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
