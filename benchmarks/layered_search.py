"""The exact search over FBNet's 9^22 networks: fronts, queries, and the gap to enumeration and to a binned search.

    python benchmarks/layered_search.py ../shared/data/fbnet_cifar100_lut.json [--board raspi4] [--server titan_rtx_1]

Layer times are HW-NAS-Bench's, as recovered from whole networks: relative to "skip", so that what is common to all
networks (stem, classifier, skips) is taken to be a tenth at the stem and a tenth at the classifier, the rest spread
over the layers. The score is made up: it grows with the logarithm of a layer's times, with seeded noise.

Ranking anew: accuracies are made up of the scores, and of what neighbouring layers are to each other, which no sum
tells. A predictor learns from 300 of them; its sums are searched exactly, and the fifty networks nearest the best, each
within the limit, are ranked by all that it knows. Said is the true accuracy of the choice against that of the sums.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nasc_search.accuracy.layered_predictor import LayeredPredictor
from nasc_search.layered.costs import LayeredCosts
from nasc_search.layered.search import LayeredSearch, State

BINS = 20_000
NEAR_STATES = 20
INPUT_BYTES = 3072


def read_costs(path: Path, board: str, server: str) -> LayeredCosts:
    """From the table of recovered layer times."""
    table = json.loads(path.read_text())
    shapes = [layer["shape_id"] for layer in table["layers"]]
    times = {}
    for name in (board, server):
        found = table["devices"][name]
        common = found["intercept_ms"] / len(shapes)
        layers = np.asarray(found["rel_ms"])[shapes] + 0.8 * common
        # Least squares leaves some choices a little faster than nothing.
        times[name] = np.maximum(layers, 1e-4), 0.1 * found["intercept_ms"]
    payload = [INPUT_BYTES, table["layers"][0]["H_in"] ** 2 * table["layers"][0]["C_in"]]
    payload += [layer["out_elems"] for layer in table["layers"]]
    (board_ms, board_end), (server_ms, server_end) = times[board], times[server]
    return LayeredCosts(board_ms, server_ms, board_end, server_end, board_end, server_end, np.asarray([*payload, 0]))


def scores(costs: LayeredCosts) -> np.ndarray:
    """Diminishing returns, seeded."""
    rng = np.random.default_rng(3)
    work = np.log1p(costs.board_ms / costs.board_ms.mean())
    return np.asarray(work + 0.1 * rng.normal(size=work.shape))


def binned(costs: LayeredCosts, score: np.ndarray, state: State) -> float:
    """Best score with head times rounded up to bins of the limit: the usual dynamic program, for comparison."""
    width, best = state.limit_ms / BINS, -np.inf
    link = costs.payload_bytes * 8e-3 / state.throughput_mbit_s + state.round_trip_ms

    def grown(fixed: float, ms: np.ndarray, gained: np.ndarray, slower: float) -> list[np.ndarray]:
        start = np.full(BINS + 1, -np.inf)
        at = int(np.ceil(slower * fixed / width))
        if at <= BINS:
            start[at] = 0.0
        every = [start]
        for row, gain in zip(slower * ms, gained, strict=True):
            grid = np.full(BINS + 1, -np.inf)
            for took, added in zip(np.ceil(row / width).astype(int), gain, strict=True):
                if took <= BINS:
                    grid[took:] = np.maximum(grid[took:], every[-1][: BINS + 1 - took] + added)
            every.append(grid)
        return [np.maximum.accumulate(grid) for grid in every]

    heads = grown(costs.stem_board_ms, costs.board_ms, score, state.board)
    tails = grown(costs.classifier_server_ms, costs.server_ms[::-1], score[::-1], state.server)[::-1]
    for cut in range(1, len(score) + 2):
        left = int((state.limit_ms - link[cut]) / width)
        if left >= 0:
            best = max(best, float((heads[cut - 1][: left + 1] + tails[cut - 1][left::-1]).max()))
    alone = int((state.limit_ms - state.board * costs.classifier_board_ms) / width)
    return max(best, float(heads[-1][alone])) if alone >= 0 else best


def enumerated(costs: LayeredCosts, score: np.ndarray, state: State) -> float:
    """Every network of a few layers."""
    layers = np.arange(len(score))
    choices = np.asarray(list(itertools.product(range(score.shape[1]), repeat=len(score))))
    total, best = score[layers, choices].sum(axis=1), -np.inf
    link = costs.payload_bytes * 8e-3 / state.throughput_mbit_s + state.round_trip_ms
    for cut in range(1, len(score) + 3):
        on_board = layers < cut - 1
        ms = state.board * (costs.stem_board_ms + (costs.board_ms[layers, choices] * on_board).sum(axis=1))
        if cut < len(score) + 2:
            tail = costs.classifier_server_ms + (costs.server_ms[layers, choices] * ~on_board).sum(axis=1)
            ms = ms + state.server * tail + link[cut]
        else:
            ms = ms + state.board * costs.classifier_board_ms
        best = max(best, float(total[ms <= state.limit_ms].max(initial=-np.inf)))
    return best


def accuracies(codes: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Made up: scores, and seeded bonuses of pairs of choices in neighbouring layers, squashed to 0.5..0.95."""
    layers = np.arange(score.shape[0])
    pairs = np.random.default_rng(5).normal(size=(len(layers) - 1, *score.shape[1:], *score.shape[1:]))
    total = score[layers, codes].sum(axis=1)
    together = pairs[layers[:-1], codes[:, :-1], codes[:, 1:]].sum(axis=1)
    spread = score.std(axis=1)
    total = (total - score.mean(axis=1).sum()) / np.sqrt(np.square(spread).sum())
    return np.asarray(0.725 + 0.225 * np.tanh(0.5 * (total + 0.4 * together / np.sqrt(len(layers) - 1))))


def ranked_anew(costs: LayeredCosts, score: np.ndarray, states: list[State]) -> dict[str, float]:
    """What fifty near-front networks, ranked in full, gain over the best by sums; milliseconds a state."""
    rng = np.random.default_rng(7)
    codes = rng.integers(score.shape[1], size=(300, len(score)))
    learned = LayeredPredictor.fit(codes, accuracies(codes, score), (score.shape[1],) * len(score))
    search, gains, spans, ms = LayeredSearch(costs, learned.score), [], [], []
    for state in states:
        begun = time.process_time()
        near = [answer.choices for answer in search.near(state.query(costs.payload_bytes))]
        if not near:
            continue
        best = int(learned.predict(np.asarray(near)).argmax())
        ms.append(1e3 * (time.process_time() - begun))
        true = accuracies(np.asarray(near), score)
        gains.append(float(true[best] - true[0]))
        spans.append(float(true.max() - true[best]))
    return {
        "spearman_sums": learned.additive_report.spearman, "spearman_full": learned.report.spearman,
        "gain_points": 100 * float(np.mean(gains)), "left_points": 100 * float(np.mean(spans)),
        "ms": float(np.median(ms)),
    }  # fmt: skip


def measured(costs: LayeredCosts, score: np.ndarray, states: list[State]) -> dict[str, Any]:
    """Build and queries, timed, and how far a program with bins falls behind."""
    begun = time.perf_counter()
    search = LayeredSearch(costs, score)
    built_ms = 1e3 * (time.perf_counter() - begun)
    took = []
    for state in states:
        begun = time.perf_counter()
        search.best(state.query(costs.payload_bytes))
        took.append(1e3 * (time.perf_counter() - begun))
    queries = [state.query(costs.payload_bytes) for state in states[:NEAR_STATES]]
    begun = time.perf_counter()
    near = [search.near(query) for query in queries]
    near_ms = 1e3 * (time.perf_counter() - begun) / len(near)
    few = zip(states, queries, strict=False)
    exact = {state: answer.score for state, query in few if (answer := search.best(query))}
    behind = np.asarray([found - binned(costs, score, state) for state, found in exact.items()])
    share = behind / np.ptp(list(exact.values()))
    return {
        "networks": "9^22",
        "largest_front": search.points,
        "build_ms": built_ms,
        "query_ms": dict(zip(("p50", "p95"), np.percentile(took, (50, 95)).tolist(), strict=True)),
        "near_ms": near_ms,
        "near": float(np.mean([len(one) for one in near])),
        "above_binned_share_of_range": {"least": float(share.min()), "most": float(share.max())},
    }


def gap_to_enumeration(costs: LayeredCosts, score: np.ndarray, states: list[State]) -> float:
    """The largest over the first six layers, all of whose networks are looked at."""
    six = costs.payload_bytes[[*range(8), -1]]
    small = replace(costs, board_ms=costs.board_ms[:6], server_ms=costs.server_ms[:6], payload_bytes=six)
    shallow, gaps = LayeredSearch(small, score[:6]), []
    for state in (replace(state, limit_ms=0.4 * state.limit_ms) for state in states):
        answer, most = shallow.best(state.query(six)), enumerated(small, score[:6], state)
        gaps.append(abs(most - answer.score) if answer else float(np.isfinite(most)))
    return max(gaps)


def text(result: dict[str, Any]) -> str:
    """For people."""
    query, above, anew = result["query_ms"], result["above_binned_share_of_range"], result["ranked_anew"]
    return (
        f"fronts of up to {result['largest_front']} points, built in {result['build_ms']:.0f} ms\n"
        f"query {query['p50']:.2f} ms p50, {query['p95']:.2f} ms p95\n"
        f"{result['near']:.0f} candidates near the best in {result['near_ms']:.1f} ms\n"
        f"above a program with {BINS} bins by {above['least']:.2%} to {above['most']:.2%} of the range of scores\n"
        f"gap to all 9^6 networks of six layers: {result['gap_to_enumeration_9^6']:.1e}\n"
        f"fifty near the best ranked anew in {anew['ms']:.1f} ms of the processor: {anew['gain_points']:+.2f} points "
        f"of true accuracy on average, {anew['left_points']:.2f} below the best of the fifty (Spearman of the "
        f"predictor's sums {anew['spearman_sums']:.3f}, in full {anew['spearman_full']:.3f})"
    )


def main() -> None:
    """Build, query, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--board", default="raspi4")
    parser.add_argument("--server", default="titan_rtx_1")
    parser.add_argument("--states", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    costs = read_costs(given.table, given.board, given.server)
    score = scores(costs)
    slowest = float(costs.board_ms.max(axis=1).sum())
    low, high = np.log([[0.5, 1, 0.1 * slowest, 0.5, 0.5], [100, 50, 1.2 * slowest, 2, 2]])
    drawn = np.exp(np.random.default_rng(1).uniform(low, high, (given.states, 5)))
    states = [State(*state) for state in drawn.tolist()]
    result = measured(costs, score, states) | {
        "gap_to_enumeration_9^6": gap_to_enumeration(costs, score, states[:10]),
        "ranked_anew": ranked_anew(costs, score, states[:60]),
    }
    print(json.dumps(result) if given.json else text(result))


if __name__ == "__main__":
    main()
