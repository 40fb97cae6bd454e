"""The per-block latency table of a device: what everybody asks a cost model for, as plain rows, CSV or JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from nasc_sdk.cost.coding import StepTime
from nasc_sdk.cost.features import describe_block
from nasc_sdk.cost.model import Z95, CostModel, predict_blocks
from nasc_sdk.errors import InputError

STEP_HEADER: Final = ("beside the network", "us", "+ us per KiB", "90 % interval")
_HEADER: Final = ("block", "operators", "us", "low_us", "high_us", "extrapolated")


@dataclass(frozen=True, slots=True)
class BlockRow:
    """What one block adds inside a head, and its 90 % interval; microseconds."""

    key: str
    operators: str
    us: float
    low_us: float
    high_us: float
    extrapolated: bool = False
    """An operator of it was never measured: scaled from another one."""

    @property
    def error_us(self) -> float:
        """Standard error."""
        return (self.high_us - self.us) / Z95


@dataclass(frozen=True, slots=True)
class CostDocument:
    """A cost model with the table of a search space's blocks; what ``cost-model export`` writes."""

    model: CostModel
    blocks: tuple[BlockRow, ...]


def tabulate(model: CostModel, keys: Sequence[str]) -> CostDocument:
    """The table of these blocks, longest first; the interval holds what operators leave unexplained, too."""
    predicted = predict_blocks(model, keys)
    missing = set(predicted.extrapolated)
    errors = np.hypot(predicted.error_us, model.residual * predicted.us)
    rows = [
        BlockRow(
            key,
            describe_block(key),
            us,
            max(us - Z95 * error, 0.0),
            us + Z95 * error,
            any(op.rpartition("*")[0] in missing for op in key.split("|")[1:]),
        )
        for key, us, error in zip(keys, predicted.us.tolist(), errors.tolist(), strict=True)
    ]
    return CostDocument(model, tuple(sorted(rows, key=lambda row: (-row.us, row.key))))


def tabulate_steps(measured: Sequence[StepTime]) -> list[tuple[str, str, str, str]]:
    """Rows under ``STEP_HEADER``."""
    return [
        (time.step.value, f"{time.fixed_us:.1f}", f"{1024 * time.us_per_byte:.2f}", f"± {Z95 * time.error:.0%}")
        for time in measured
    ]


def to_csv(document: CostDocument) -> str:
    """One line a block, microseconds; the device and its conditions are comment lines at the head."""
    model, conditions = document.model, document.model.conditions
    text = io.StringIO()
    text.write(f"# device {model.device}, {model.origin}, {conditions.runtime}, {conditions.kernels} kernels, ")
    text.write(f"{conditions.threads} threads, {conditions.machine}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in document.blocks:
        figures = (f"{value:.3f}" for value in (row.us, row.low_us, row.high_us))
        writer.writerow((row.key, row.operators, *figures, "yes" if row.extrapolated else "no"))
    return text.getvalue()


def read_document(path: Path) -> CostDocument:
    """A document that ``cost-model export`` wrote as JSON; InputError when the file is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=CostDocument)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a cost model that nasc-sdk cost-model export wrote: {error}") from error
