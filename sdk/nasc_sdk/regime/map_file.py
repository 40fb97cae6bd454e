"""Regime maps as JSON files, those of earlier versions as well."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from nasc_sdk.errors import InputError
from nasc_sdk.regime.regime_map import Regime, RegimeMap, Slice, Spread

_MAX_FILE_BYTES: Final = 16 << 20
_VERSION_1: Final = "nasc-regime-map 1"


@dataclass(frozen=True, slots=True)
class _Header:
    """What every version has."""

    format: str = ""


@dataclass(frozen=True, slots=True)
class _RegimeMap1:
    """Version 1: one slice, of no loss."""

    device: str
    limit_ms: float
    percentile: float
    throughput_mbit_s: tuple[float, float]
    lowest_round_trip_ms: float
    round_trip_ms: tuple[float, ...]
    steps_mbit_s: tuple[tuple[float, ...], ...]
    answers: tuple[tuple[int, ...], ...]
    regimes: tuple[Regime, ...]
    local: int
    within: float
    unresolved: float
    spread: Spread
    digest: str
    format: Literal["nasc-regime-map 1"]
    told_by: str = ""

    def now(self) -> RegimeMap:
        """In the present form."""
        only = Slice(0.0, self.round_trip_ms, self.steps_mbit_s, self.answers, self.unresolved)
        return RegimeMap(
            self.device, self.limit_ms, self.percentile, self.throughput_mbit_s, self.lowest_round_trip_ms, (only,),
            self.regimes, self.local, self.within, self.spread, self.digest, self.told_by,
        )  # fmt: skip


def dump_map(regimes: RegimeMap) -> bytes:
    """JSON, read by :func:`load_map`."""
    return msgspec.json.encode(regimes)


def load_map(path: Path) -> RegimeMap:
    """Read and check a file; InputError when it is something else."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; make it with: nasc-sdk map --output {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MAX_FILE_BYTES:
        raise InputError(f"{path} is larger than a regime map gets")
    return parse_map(data, str(path))


def parse_map(data: bytes, where: str) -> RegimeMap:
    """Check JSON bytes; InputError says ``where`` and why not."""
    try:
        if msgspec.json.decode(data, type=_Header).format == _VERSION_1:
            return msgspec.json.decode(data, type=_RegimeMap1).now()
        return msgspec.json.decode(data, type=RegimeMap)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where} is no regime map, as nasc-sdk map --output makes one: {error}") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
