"""Evaluations that each search algorithm needs to come within 0.3 % of the best accuracy under a latency limit.

    python benchmarks/search_algorithms.py                                   20 seeds; about an hour on one core
    python benchmarks/search_algorithms.py --algorithms model asng --boards raspi4 --seeds 5
    python benchmarks/search_algorithms.py --regimes unknown --json

NAS-Bench-201's 15,625 cells at 8 cuts. Accuracies are the benchmark's, latencies HW-NAS-Bench's and HELP's: end to
end, apportioned to the blocks of the benchmark's skeleton (16 channels, 5 cells a stage, 32x32x3) by the
multiply-accumulates of live operators. A candidate takes the board's share before the cut, its int8 payload over the
link, the round trip, and the server's share. Limits are quantiles, over connected cells, of the latency at each one's
fastest cut.

An evaluation is one distinct (cell, cut). "known": the violation is known in advance, as from a cost model, and points
that miss the limit cost nothing. "unknown": each evaluation tells accuracy and violation, which is 0 when feasible.
A seed fails when it does not get there within --budget evaluations.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from nasc_sdk.errors import InfeasibleError
from nasc_search.accuracy.cell_features import live_ops
from nasc_search.algorithms.cells_and_cuts import CUT, cell_problem, cells_of, violations
from nasc_search.algorithms.choice import AlgorithmName, open_algorithm
from nasc_search.algorithms.problem import Outcome, Point
from nasc_search.algorithms.run import Progress, Search, run
from nasc_search.spaces.nb201 import EdgeOp
from nasc_search.spaces.nb201_order import benchmark_ops

_DATA: Final = Path(os.environ.get("NASC_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_SETS: Final = ("cifar10", "cifar100")
_PAYLOAD: Final = np.array([3072, 16384, 16384, 8192, 8192, 4096, 4096, 0])
"""Int8 bytes at the input, after stem, stage 1, reduction 1, stage 2, reduction 2, stage 3, and at the end."""
_CLOSE: Final = 0.003
_BASELINES: Final = (AlgorithmName.MODEL, AlgorithmName.ASNG, AlgorithmName.EVOLUTION, AlgorithmName.RANDOM)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is searched under which limit."""

    data_set: str
    board: str
    server: str
    throughput_mbit_s: float
    round_trip_ms: float
    quantile: float
    limit_ms: float
    feasible_cells: int
    close_cells: int
    """Feasible cells within 0.3 % of the best."""


@dataclass(frozen=True, slots=True)
class Row:
    """One algorithm in one setting."""

    algorithm: str
    regime: str
    setting: Setting
    evaluations: tuple[int, ...]
    """Of each seed; the budget where it failed."""
    failed: int

    def __str__(self) -> str:
        setting = self.setting
        return (
            f"{self.algorithm:9} {self.regime:7} {setting.data_set:8} {setting.board:14} {setting.quantile:4.0%} "
            f"{setting.limit_ms:6.1f} ms {setting.close_cells:4} {median(self.evaluations):7.1f} "
            f"{max(self.evaluations):6} {self.failed:3}"
        )


def shares() -> np.ndarray:
    """[15625, 8] Of each cell's multiply-accumulates, those before each cut."""
    ops = live_ops(benchmark_ops())
    weights = (ops == EdgeOp.CONV_1X1).sum(axis=1) + 9 * (ops == EdgeOp.CONV_3X3).sum(axis=1)
    size, channels, fixed = 32, 16, np.ones(len(ops))
    blocks = [fixed * size**2 * 27 * channels]
    for stage in range(3):
        if stage:
            size, channels = size // 2, channels * 2
            # Two 3x3 convolutions and the shortcut's 1x1, the first and the last from half the channels.
            blocks.append(fixed * size**2 * channels**2 * (9 / 2 + 9 + 1 / 2))
        blocks.append(5 * size**2 * channels**2 * weights)
    blocks.append(fixed * size**2 * channels)
    spent = np.cumsum(blocks, axis=0).T
    share = np.pad(spent / spent[:, -1:], ((0, 0), (1, 0)))
    return share[:, : len(_PAYLOAD) - 1].astype(np.float64)


def latencies(
    board_ms: np.ndarray, server_ms: np.ndarray, throughput_mbit_s: float, round_trip_ms: float
) -> np.ndarray:
    """[15625, 8] of every candidate."""
    head = np.pad(shares(), ((0, 0), (0, 1)), constant_values=1.0)
    link = _PAYLOAD * 8 / (throughput_mbit_s * 1000) + round_trip_ms
    link[-1] = 0.0
    return board_ms[:, None] * head + server_ms[:, None] * (1 - head) + link


def search(
    name: AlgorithmName, accuracy: np.ndarray, violation: np.ndarray, known: bool, seed: int, budget: int
) -> tuple[int, bool]:
    """Evaluations until close to the optimum, and whether it got there."""
    optimum = float(accuracy[(violation <= 0).any(axis=1)].max())

    def evaluate(point: Point) -> Outcome:
        cell = int(cells_of(np.array([point]))[0])
        return Outcome((float(accuracy[cell]),), max(float(violation[cell, point[CUT]]), 0.0))

    def close(progress: Progress) -> bool:
        return progress.gap is not None and progress.gap <= _CLOSE

    problem = cell_problem(violation.shape[1], violation if known else None)
    searched = Search(open_algorithm(name, problem, seed), optimum)
    try:
        ended = run(searched, evaluate, budget, enough=close)
    except InfeasibleError:
        return budget, False
    return (ended.evaluations, True) if close(ended) else (budget, False)


def settings(args: argparse.Namespace) -> Iterator[tuple[Setting, np.ndarray, np.ndarray]]:
    """Each with the accuracies of all cells and the violations of all candidates."""
    with np.load(args.data / "nb201_accuracy.npz") as file:
        tables = {name: file[f"{name}_test_200"].astype(np.float64) / 100 for name in _SETS}
        if not np.array_equal(file["ops"], benchmark_ops()):
            raise SystemExit("nb201_accuracy.npz is not in the benchmark's order")
    connected = (live_ops(benchmark_ops()) != EdgeOp.NONE).any(axis=1)
    with np.load(args.data / "nb201_latency_ms.npz") as file:
        server_ms = file[args.server]
        boards = {name: file[name] for name in args.boards}
    for data_set, board, quantile in product(args.sets, args.boards, args.quantiles):
        link = (args.throughput_mbit_s, args.round_trip_ms)
        latency = latencies(boards[board], server_ms, *link)
        limit = float(np.quantile(latency.min(axis=1)[connected], quantile))
        violation = violations(latency, limit)
        inside = tables[data_set][(violation <= 0).any(axis=1)]
        close = int((inside >= inside.max() * (1 - _CLOSE)).sum())
        yield (
            Setting(data_set, board, args.server, *link, quantile, limit, len(inside), close),
            tables[data_set],
            violation,
        )


def main() -> None:
    """Parse, search, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of the tables")
    parser.add_argument("--algorithms", nargs="+", type=AlgorithmName, default=_BASELINES, choices=list(AlgorithmName))
    parser.add_argument("--regimes", nargs="+", default=("known", "unknown"), choices=("known", "unknown"))
    parser.add_argument("--sets", nargs="+", default=_SETS, choices=_SETS)
    parser.add_argument("--boards", nargs="+", default=("raspi4", "pixel3"))
    parser.add_argument("--server", default="titan_rtx_1")
    parser.add_argument("--throughput-mbit-s", type=float, default=10.0)
    parser.add_argument("--round-trip-ms", type=float, default=5.0)
    parser.add_argument("--quantiles", nargs="+", type=float, default=(0.3, 0.5, 0.7))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=2000, help="evaluations after which a seed has failed")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    if not args.json:
        print("algorithm regime  set      board         limit           close  median  worst failed")
    for setting, accuracy, violation in settings(args):
        for name, regime in product(args.algorithms, args.regimes):
            seeds = range(args.first_seed, args.first_seed + args.seeds)
            found = [search(name, accuracy, violation, regime == "known", seed, args.budget) for seed in seeds]
            failed = sum(not reached for _, reached in found)
            rows.append(Row(name, regime, setting, tuple(count for count, _ in found), failed))
            print(rows[-1], file=sys.stderr if args.json else sys.stdout, flush=True)
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    main()
