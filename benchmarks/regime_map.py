"""A regime map of millions of candidates: its build, its lookup, and its answers against brute force.

    python benchmarks/regime_map.py ../shared/data [--board raspi4] [--server titan_rtx_1] [--limit-ms 30]
        [--points 300] [--within-points 0] [--loss 0] [--json]

Candidates are those of pareto_set.py, with 3 % (board) and 5 % (server) of jitter. The link varies as 32 samples do
(log-normal, 0.3) around its medians; the limit holds at p95. Points are random in the map, both axes logarithmic, at
the losses of its slices in turn.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from pareto_set import CODES, candidates

from nasc_sdk.link.link import Link
from nasc_sdk.regime.map_file import dump_map
from nasc_sdk.regime.regime_map import RegimeMap, policy
from nasc_search.joint.coding import Coding
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.regime import regime_map
from nasc_search.joint.regime_lines import Area, spread_of
from nasc_search.joint.table import CandidateTable

_REPEATS = 20
_SAMPLES = 32


def candidate_table(data: Path, board: str, server: str) -> CandidateTable:
    """From the tables in a folder."""
    given = candidates(data, board, server)
    archs, cuts, codes = given.accuracy.shape
    nothing = np.zeros((archs, cuts), np.int64)
    still, none = np.zeros((cuts, codes)), np.zeros((cuts, codes), np.int64)
    return CandidateTable(
        archs=tuple(f"cell {number}" for number in range(archs)),
        encodings=CODES,
        accuracy=given.accuracy,
        evaluated=np.zeros(given.accuracy.shape, bool),
        head_ms=given.head_ms,
        head_sd_ms=0.03 * given.head_ms,
        tail_ms=given.tail_ms,
        tail_sd_ms=0.05 * given.tail_ms,
        payload_bytes=given.payload_bytes,
        legal=given.allowed[0],
        arena_bytes=nothing,
        flash_bytes=nothing,
        coding=Coding(given.encode_ms, still, given.decode_ms, still, none, none),
    )


def check(
    table: CandidateTable, regimes: RegimeMap, constraints: Constraints, points: list[tuple[float, float, float]]
) -> dict[str, int]:
    """Over all candidates at each point: answers that break the limit, and that are not the most accurate."""
    counts = {"points": len(points), "break_the_limit": 0, "better_exists": 0}
    for throughput, trip, loss in points:
        link = Link(
            tuple(throughput * factor for factor in regimes.spread.throughput),
            tuple(trip * factor for factor in regimes.spread.round_trip),
            segment_loss=loss,
        )
        total = table.total_ms(link, constraints.percentile)
        within = (total <= constraints.limit_ms) & table.allowed(constraints)
        answer = regimes.lookup(throughput, trip, loss)
        accuracy = -1.0
        if answer is not None:
            accuracy = answer.accuracy
            counts["break_the_limit"] += not within[table.locate(answer.candidate)]
        best = float(table.accuracy[within].max()) if within.any() else -1.0
        counts["better_exists"] += accuracy < best - regimes.within
    return counts


def lookup_ns(regimes: RegimeMap, points: list[tuple[float, float, float]]) -> list[float]:
    """Of each point, a mean of a few calls."""
    answer, times = policy(regimes), []
    for throughput, trip, loss in points:
        begun = time.perf_counter_ns()
        for _ in range(_REPEATS):
            answer(throughput, trip, loss)
        times.append((time.perf_counter_ns() - begun) / _REPEATS)
    return times


def main() -> None:
    """Build, check, time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--board", default="raspi4")
    parser.add_argument("--server", default="titan_rtx_1")
    parser.add_argument("--limit-ms", type=float, default=30.0)
    parser.add_argument("--within-points", type=float, default=0.0)
    parser.add_argument("--loss", default="0", help="rising, with commas between")
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table = candidate_table(given.data, given.board, given.server)
    rng, area = np.random.default_rng(0), Area()
    samples = np.exp(0.3 * rng.normal(size=(2, _SAMPLES))).tolist()
    constraints = Constraints(given.limit_ms)
    begun = time.perf_counter()
    losses = tuple(map(float, given.loss.split(",")))
    spread = spread_of(Link(*map(tuple, samples)))
    regimes = regime_map(table, constraints, area, spread, given.within_points / 100, losses=losses)
    built_s = time.perf_counter() - begun
    low, high = np.log(np.asarray([area.throughput_mbit_s, area.round_trip_ms])).T
    places = np.exp(rng.uniform(low, high, (max(given.points, 1000), 2))).tolist()
    points = [(*place, loss) for place, loss in zip(places, itertools.cycle(losses), strict=False)]
    quantiles = np.percentile(lookup_ns(regimes, points), (5, 50, 95)).tolist()
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "candidates": table.size,
        "build_s": built_s,
        "rows": sum(len(each.round_trip_ms) for each in regimes.slices),
        "regimes": len(regimes.regimes),
        "json_bytes": len(dump_map(regimes)),
        "unresolved": max(each.unresolved for each in regimes.slices),
        "lookup_ns": dict(zip(("p5", "p50", "p95"), quantiles, strict=True)),
        **check(table, regimes, constraints, points[: given.points]),
    }
    if given.json:
        print(json.dumps(result))
        return
    times = result["lookup_ns"]
    print(f"{table.size} candidates, {result['regimes']} regimes in {result['rows']} rows; built in {built_s:.1f} s")
    print(f"lookup {times['p50']:.0f} ns p50, {times['p95']:.0f} ns p95; {result['json_bytes']} bytes of JSON")
    print(f"at most {result['unresolved']:.2%} of a slice where a better candidate may exist")
    print(f"of {result['points']} points: {result['break_the_limit']} answers break the limit, "
          f"{result['better_exists']} are not the most accurate")  # fmt: skip


if __name__ == "__main__":
    main()
