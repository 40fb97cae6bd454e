"""What a map says of a link as it changes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nasc_sdk.protocol.messages import LinkReport
from nasc_sdk.regime.regime_map import Regime, RegimeMap


@dataclass(frozen=True, slots=True)
class Stage:
    """From here on the map's answer is another one."""

    throughput_mbit_s: float
    """Median of the report."""
    round_trip_ms: float
    unanswered: float
    """Share of requests that got no answer; what it costs is in the samples."""
    on_map: bool
    regime: Regime | None
    """None where no candidate keeps the limit."""


def stages(regimes: RegimeMap, reports: Iterable[LinkReport]) -> Iterator[Stage]:
    """One for the first report, and one whenever the answer, or whether the link is on the map, differs."""
    before: tuple[Regime | None, bool] | None = None
    for report in reports:
        link = statistics.median(report.throughput_mbit_s), statistics.median(report.round_trip_ms)
        now = regimes.lookup(*link), regimes.covers(*link)
        if now != before:
            yield Stage(*link, report.loss, now[1], now[0])
        before = now
