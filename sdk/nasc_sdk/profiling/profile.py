"""Profile: the measured latencies of one board and runtime, with the conditions they were measured under."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
