"""Exact answers from a precomputed Pareto set: its build, a query, and mismatches against brute force.

    python benchmarks/pareto_set.py ../shared/data [--board raspi4] [--server titan_rtx_1] [--states 10000] [--json]

Candidates: every connected NAS-Bench-201 cell x 20 cuts x 8 encodings. Accuracies are the benchmark's, less an assumed
loss for each encoding that differs between cells; times are the measured totals of two devices, apportioned to blocks
by multiply-accumulates. States are random: throughput 0.2 to 200 Mbit/s, round trip 0.5 to 100 ms, limits, slow-downs.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.candidate import INT8, CutEncoding
from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import TensorSpec
from nasc_search.joint.pareto_set import Candidates, pareto_set
from nasc_search.spaces.nb201 import Macro, NB201Space, format_arch, is_connected
from nasc_search.spaces.nb201_order import benchmark_ops

CODES = (
    INT8, CutEncoding(4), CutEncoding(2), CutEncoding(8, 8),
    CutEncoding(4, 8), CutEncoding(2, 8), CutEncoding(4, 4), CutEncoding(2, 4),
)  # fmt: skip
LOST = (0.0, 0.2, 1.5, 0.3, 0.5, 1.0, 0.8, 1.6)
"""Points, at a typical cell."""
_AT_ONCE = 1 << 15


def candidates(data: Path, board: str, server: str) -> Candidates:
    """From the tables in a folder."""
    with np.load(data / "nb201_accuracy.npz") as table:
        by_ops = {tuple(ops): row for row, ops in enumerate(table["ops"].tolist())}
        quality = table["cifar10_test_200"] / 100.0
    with np.load(data / "nb201_latency_ms.npz") as table:
        totals = {name: table[name] for name in (board, server)}
    order = benchmark_ops()
    rows = [row for row, ops in enumerate(order.tolist()) if is_connected(ops)]
    accuracy = np.asarray([quality[by_ops[tuple(order[row].tolist())]] for row in rows], np.float64)
    space = NB201Space(Macro(TensorSpec(32, 32, 3), 10, 16, 5))
    networks = [space.network(format_arch(order[row].tolist())) for row in rows]
    work = np.asarray([[macs(block) + 1.0 for block in network.blocks] for network in networks])
    share = np.cumsum(work / work.sum(axis=1, keepdims=True), axis=1)
    share = np.concatenate([np.zeros((len(rows), 1)), share], axis=1)
    specs = [networks[0].cut_spec(cut) for cut in networks[0].cuts]
    cuts, codes = len(specs), len(CODES)
    rng = np.random.default_rng(0)
    lost = np.asarray(LOST) / 100.0 * rng.uniform(0.6, 1.4, (len(rows), cuts, codes))
    allowed = np.ones((len(rows), cuts, codes), bool)
    allowed[:, [0, -1], 1:] = False
    lost[:, [0, -1]] = 0.0
    payload = np.asarray([[code.payload_bytes(spec) for code in CODES] for spec in specs])
    return Candidates(
        accuracy=np.maximum(accuracy[:, None, None] - lost, 0.0),
        head_ms=totals[board][rows, None] * share,
        tail_ms=totals[server][rows, None] * (1 - share),
        encode_ms=np.full((cuts, codes), 0.1),
        decode_ms=np.full((cuts, codes), 0.05),
        payload_bytes=payload,
        allowed=allowed,
    )  # fmt: skip


class BruteForce:
    """One candidate after the other from the most accurate on, some at once, until one is within the limit."""

    def __init__(self, given: Candidates) -> None:
        places = np.flatnonzero(given.allowed)
        accuracy = given.accuracy.ravel()[places]
        order = np.argsort(-accuracy, kind="stable")
        self._shape = given.allowed.shape
        self._places, self._falling = places[order], -accuracy[order]
        row, cut, code = np.unravel_index(self._places, self._shape)
        self._head, self._tail = given.head_ms[row, cut], given.tail_ms[row, cut]
        self._sends = cut < self._shape[1] - 1
        coding = (given.encode_ms, given.decode_ms, given.payload_bytes)
        self._encode, self._decode, self._payload = (part[cut, code] * self._sends for part in coding)

    def best(self, state: tuple[float, ...]) -> tuple[int, int, int] | None:
        """The fastest of the most accurate, then the first."""
        limit = state[2]
        for start in range(0, len(self._places), _AT_ONCE):
            within = self._times(state, start, start + _AT_ONCE) <= limit
            if within.any():
                first = start + int(within.argmax())
                end = int(np.searchsorted(self._falling, self._falling[first], side="right"))
                fastest = first + int(self._times(state, first, end).argmin())
                row, cut, code = np.unravel_index(self._places[fastest], self._shape)
                return int(row), int(cut), int(code)
        return None

    def _times(self, state: tuple[float, ...], start: int, stop: int) -> NDArray[np.float64]:
        throughput, trip, _, board, server = state
        some = slice(start, stop)
        code = board * self._encode[some] + server * self._decode[some] + self._payload[some] * 8e-3 / throughput
        return np.asarray(board * self._head[some] + server * self._tail[some] + code + trip * self._sends[some])


def main() -> None:
    """Build, compare, time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--board", default="raspi4")
    parser.add_argument("--server", default="titan_rtx_1")
    parser.add_argument("--states", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    every = candidates(given.data, given.board, given.server)
    begun = time.perf_counter()
    found = pareto_set(every)
    built_s = time.perf_counter() - begun
    rng = np.random.default_rng(1)
    slowest = float(every.head_ms[:, -1].max())
    low, high = np.log([[0.2, 0.5, 0.02 * slowest, 0.5, 0.2], [200, 100, 2 * slowest, 4, 5]])
    states = [tuple(state) for state in np.exp(rng.uniform(low, high, (given.states, 5))).tolist()]
    slow = BruteForce(every)
    mismatches = sum(found.best(*state) != slow.best(state) for state in states)
    times_us = []
    for _ in range(5):
        for state in states:
            begun = time.perf_counter()
            found.best(*state)
            times_us.append(1e6 * (time.perf_counter() - begun))
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "candidates": int(every.allowed.sum()),
        "kept": len(found),
        "build_s": built_s,
        "states": len(states),
        "mismatches": mismatches,
        "feasible_share": float(np.mean([found.best(*state) is not None for state in states])),
        "query_us": dict(zip(("p5", "p50", "p95"), np.percentile(times_us, (5, 50, 95)).tolist(), strict=True)),
    }
    if given.json:
        print(json.dumps(result))
        return
    query = result["query_us"]
    print(f"{result['candidates']} candidates, {result['kept']} can ever be the answer; built in {built_s:.1f} s")
    print(f"query {query['p50']:.1f} us p50, {query['p95']:.1f} us p95")
    print(f"{result['feasible_share']:.0%} of the states have an answer")
    print(f"{mismatches} mismatches against brute force in {len(states)} random states")


if __name__ == "__main__":
    main()
