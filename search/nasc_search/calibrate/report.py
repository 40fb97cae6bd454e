"""FitReport: how well a cost model predicts whole heads, each from all other measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.profiling.validity import Code, advice, meaning, read_code
from nasc_search.accuracy.ranking import spearman


@dataclass(frozen=True, slots=True)
class Ignored:
    """A measurement that was not used, and the stable code of why."""

    title: str
    code: str


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """One whole head (or tail), predicted against measured; microseconds."""

    title: str
    key: str
    predicted_us: float
    measured_us: float

    @property
    def error(self) -> float:
        """Relative error, signed: positive where the prediction is too long."""
        return self.predicted_us / self.measured_us - 1.0


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was used and how far the predictions are off; errors are relative and absolute in value.

    ``mean``, ``p90``, ``maximum`` and ``rank_correlation`` are over whole heads, zero without any.
    """

    device: str
    used: int
    degraded: int
    ignored: tuple[Ignored, ...]
    block_mean: float
    """Blocks predicted from their operators, each left out of the fit in turn."""
    block_maximum: float
    heads: int
    mean: float
    p90: float
    maximum: float
    rank_correlation: float
    checks: tuple[HeadCheck, ...]
    contradictory: tuple[str, ...] = ()
    """Titles of units that were measured more than once with times far apart; they count as degraded."""

    def __str__(self) -> str:
        lines = [f"{self.device}: {self.used} measurements used, {self.degraded} of them degraded"]
        if self.heads:
            lines.append(
                f"error on {self.heads} whole heads, each predicted from all else: mean {self.mean:.1%}, "
                f"p90 {self.p90:.1%}, max {self.maximum:.1%}, rank correlation {self.rank_correlation:.3f}"
            )
        else:
            lines.append("no whole head was measured: its error on whole heads is not known")
        lines.append(
            f"blocks from operators, each left out: mean {self.block_mean:.1%}, max {self.block_maximum:.1%}"
        )
        lines += [_not_used(item) for item in self.ignored]
        if self.contradictory:
            titles = ", ".join(self.contradictory)
            lines.append(f"{Code.CONTRADICTORY}, counted as degraded: {titles}: {_told(Code.CONTRADICTORY)}")
        return "\n".join(lines)


def _not_used(item: Ignored) -> str:
    code = read_code(item.code)
    return f"not used: {item.title} ({item.code})" + (f": {_told(code)}" if code else "")


def _told(code: Code) -> str:
    return f"{meaning(code)}. {advice(code)}"


def summarize(
    device: str,
    used: int,
    degraded: int,
    ignored: tuple[Ignored, ...],
    block_errors: NDArray[np.float64],
    checks: tuple[HeadCheck, ...],
    contradictory: tuple[str, ...] = (),
) -> FitReport:
    """The report; ``block_errors`` are absolute relative errors of blocks left out one by one."""
    errors = np.abs([check.error for check in checks]) if checks else np.zeros(1)
    rank = spearman([check.predicted_us for check in checks], [check.measured_us for check in checks])
    blocks = block_errors if block_errors.size else np.zeros(1)
    return FitReport(
        device=device,
        used=used,
        degraded=degraded,
        ignored=ignored,
        block_mean=float(blocks.mean()),
        block_maximum=float(blocks.max()),
        heads=len(checks),
        mean=float(errors.mean()),
        p90=float(np.percentile(errors, 90)),
        maximum=float(errors.max()),
        rank_correlation=rank,
        checks=checks,
        contradictory=contradictory,
    )
