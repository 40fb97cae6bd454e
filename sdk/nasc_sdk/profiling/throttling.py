"""Whether the system lowers the processor's clock, as three kinds of files show it; absent ones say nothing.

Raspberry Pi: the firmware's ``get_throttled``, hexadecimal; bits 0-3 say what is so now, bits 16-19 what was so at
    any time since the board started.
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

_FIRMWARE: Final = "sys/devices/platform/soc/soc:firmware/get_throttled"
_SINCE_BOOT_SHIFT: Final = 16
SINCE_BOOT: Final = "_since_boot"
"""Ends the word of a flag that was up at some time since the board started."""
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
    since_boot: frozenset[Flag]
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
        # A since-boot bit that was up before says nothing about this run: only its rising does.
        self._seen |= now.up | (now.since_boot - self._last.since_boot)
        if now.events > self._last.events:
            self._seen.add(Flag.THERMAL_THROTTLE)
        if now.mhz < LOWERED_BELOW * self._first.mhz:
            self._seen.add(Flag.LOWERED_CLOCK)
        self._last = now
        return frozenset(self._seen)


def throttling_now(root: Path = ROOT) -> tuple[str, ...]:
    """Words of the flags that are up now, and with ``_since_boot`` of those that were at some time."""
    found = _look(root)
    return tuple(sorted((*found.up, *(f"{flag}{SINCE_BOOT}" for flag in found.since_boot))))


def code_of(flags: frozenset[Flag]) -> Code | None:
    """The code of units that were timed under these flags; the supply before heat, which it looks like."""
    if Flag.UNDER_VOLTAGE in flags:
        return Code.UNDER_VOLTAGE
    return Code.THROTTLED if flags else None


def _look(root: Path) -> _Look:
    bits = _hexadecimal(read_text(root / _FIRMWARE))
    up = {flag for bit, flag in enumerate(_FIRMWARE_BITS) if bits >> bit & 1}
    since_boot = frozenset(flag for bit, flag in enumerate(_FIRMWARE_BITS) if bits >> (bit + _SINCE_BOOT_SHIFT) & 1)
    if any(_cools(path) for path in (root / "sys/class/thermal").glob("cooling_device*")):
        up.add(Flag.COOLING)
    counters = (root / CPU).glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
    return _Look(frozenset(up), since_boot, sum(read_number(read_text(path)) for path in counters), frequency_mhz(root))


def _cools(device: Path) -> bool:
    kind = read_text(device / "type").lower()
    # An idle intel_powerclamp says -1.
    return kind.startswith(_COOLING_TYPES) and read_number(read_text(device / "cur_state")) > 0


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
