"""The summary of a demo: every promise held or not, every figure with its unit and whether measured or predicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Profile

FORMAT: Final = 2


class Origin(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    PREDICTED = "predicted"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Promise:
    """Something the demo must show, and whether it did."""

    name: str
    held: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One number."""

    name: str
    value: float
    unit: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Part:
    """Predicted against measured for head, uplink, tail or total; milliseconds.

    The median is predicted for the speed that the processors had, the p95 for their usual one.
    """

    name: str
    predicted_p50: float
    predicted_p95: float
    measured_p50: float
    measured_p95: float


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """One point of an accuracy-latency front; accuracy 0..1, latency at the limit's percentile, predicted."""

    kind: str
    """``all-local``, ``split`` or ``all-edge``."""
    arch: str
    cut: int
    accuracy: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """A whole head or tail, predicted from all other measurements; microseconds."""

    device: str
    title: str
    predicted_us: float
    measured_us: float


@dataclass(frozen=True, slots=True)
class LinkState:
    """One state of the link: what was chosen over it and how that did."""

    name: str
    rate_mbit_s: float
    """Set on the shaping proxy."""
    round_trip_ms: float
    arch: str
    cut: int
    kind: str
    contract: str
    accuracy: float
    """On the validation images, float, 0..1."""
    requests: int
    slowdown: tuple[float, float]
    """Of the processors of board and server meanwhile, medians of what probes told; 1 at full speed."""
    parts: tuple[Part, ...]
    undisturbed_p95_ms: float
    """Total, without what others slowed head and tail."""
    front: tuple[FrontPoint, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the timeline."""

    at_s: float
    """Since the timeline began."""
    total_ms: float
    served_by: str
    contract: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment of the timeline."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the report shows."""

    board: str
    machine: str
    started_unix_s: float
    duration_s: float
    limit_ms: float
    percentile: float
    promises: tuple[Promise, ...]
    figures: tuple[Figure, ...]
    profiles: tuple[Profile, ...]
    """Board, then edge server."""
    checks: tuple[HeadCheck, ...]
    states: tuple[LinkState, ...]
    timeline: tuple[Sample, ...]
    marks: tuple[Mark, ...]
    format: int = FORMAT

    @property
    def held(self) -> bool:
        """Whether every promise was held."""
        return all(promise.held for promise in self.promises)


def save(path: Path, summary: Summary) -> None:
    """Write indented JSON; raises StorageError."""
    write_durably(path, msgspec.json.format(msgspec.json.encode(summary), indent=2))


def load(path: Path) -> Summary:
    """Read what :func:`save` wrote; InputError when it is something else."""
    try:
        summary = msgspec.json.decode(path.read_bytes(), type=Summary)
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; a demo leaves it: nasc-sdk demo") from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no summary of a demo: {error}") from error
    if summary.format != FORMAT:
        raise InputError(f"{path} has format {summary.format}, this program reads {FORMAT}")
    return summary
