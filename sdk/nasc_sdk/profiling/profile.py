"""Profile: the measured latencies of one board and runtime, with the conditions they were measured under."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta


class TimeUnit(StrEnum):
    """What a count of the board's time source is; emulated boards count instructions, never milliseconds."""

    MICROSECONDS = "us"
    CYCLES = "cycles"
    TICKS = "ticks"
    INSTRUCTIONS = "instructions"


class Validity(StrEnum):
    """Whether a measurement may be used."""

    VALID = "valid"
    DEGRADED = "degraded"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the measurement ran under; an empty string means that the system does not show it."""

    runtime: str
    """Name and version, e.g. ``ai-edge-litert 2.3.0``."""
    kernels: str
    """``xnnpack``, ``builtin`` or ``reference``."""
    threads: int
    machine: str
    processor: str
    governor: str = ""
    frequency_mhz: float = 0.0
    temperature_c: float = 0.0
    load_average: float = 0.0
    time_source: str = "perf_counter_ns"
    unit: TimeUnit = TimeUnit.MICROSECONDS
    label: str = ""
    """Said next to every figure, e.g. that reference kernels stand in for a small board."""
    throttling: tuple[str, ...] = ()
    """Words of :class:`nasc_sdk.profiling.throttling.Flag` that showed; with ``_occurred``: at some time before."""
    temperature_after_c: float = 0.0
    """After the run, like ``load_average_after``; 0 before it and where the system does not show it."""
    load_average_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Latency of one measured unit in ``Conditions.unit``, over ``samples`` interleaved rounds."""

    median: float
    p95: float
    minimum: float
    samples: int
    maximum: float | None = None
    """Of a microcontroller's few repeats, which have no p95 worth the name; None of a Linux board's."""


@dataclass(frozen=True, slots=True)
class OpTiming:
    """Latency of one operator inside a measured unit."""

    index: int
    op: str
    shape: str
    timing: Timing


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured unit: a block, a whole head, or any model a user brought.

    ``key`` is the unit's identity across boards (see :mod:`nasc_sdk.cost.features`).
    """

    key: str
    title: str
    shape: str
    timing: Timing
    validity: Validity = Validity.VALID
    code: str = ""
    """Stable reason when not valid: a value of :class:`nasc_sdk.profiling.validity.Code`."""
    ops: tuple[OpTiming, ...] = ()
    output_sha256: str = ""
    """Digest of the unit's output on the plan's input: the same bytes on every correct board."""


MOST_W: Final = 1000.0
"""No board takes more; a reading that says so is none."""


class PowerOrigin(StrEnum):
    """Where watts come from."""

    MEASURED = "measured"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Power:
    """What a board takes while it waits and while it computes; watts, means.

    Sensors see some ten milliseconds at once, a block takes less: the energy of a block, and of a head, is ``busy_w``
    times its time. That takes all of them to be equally hungry, which the sensor cannot tell.
    """

    idle_w: Annotated[float, Meta(ge=0, le=MOST_W)]
    busy_w: Annotated[float, Meta(gt=0, le=MOST_W)]
    """While whole networks (blocks, where there are none) ran one after the other without a pause."""
    source: str
    """The sensor and what it leaves out, or who assumed it."""
    samples: int = 0
    """Readings while busy."""
    origin: PowerOrigin = PowerOrigin.ASSUMED

    def __str__(self) -> str:
        readings = f", {self.samples} readings" if self.samples else ""
        return f"busy {self.busy_w:.2f} W, idle {self.idle_w:.2f} W ({self.origin.value}: {self.source}{readings})"


UNKNOWN_BOARD: Final = Power(2.7, 3.6, "that of a Raspberry Pi 4, for want of a sensor")
"""Published of a Pi 4 B at 5 V: 540 mA idle, 1280 mA with four cores busy; one core is given a quarter of the rise."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All measurements of one run on one device."""

    device: str
    conditions: Conditions
    blocks: tuple[Measurement, ...]
    heads: tuple[Measurement, ...] = ()
    """Whole heads (tails on the server): they fit and test the sum of blocks."""
    started_unix_s: float = 0.0
    duration_s: float = 0.0
    notes: tuple[str, ...] = field(default=())
    power: Power | None = None
    """None where the device has no sensor, or it could not be read."""
    coding: tuple[Measurement, ...] = ()
    """Steps beside the network: coding of its cut, a board's serial line (:mod:`nasc_sdk.cost.coding`)."""
