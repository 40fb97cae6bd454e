"""How well the shipped supernet ranks cells: its accuracies against those of the same cells trained alone.

    python benchmarks/supernet_ranking.py                    the report, from the reference kept in benchmarks/data
    python benchmarks/supernet_ranking.py --train --cells nb201_accuracy.npz    train it anew: hours, resumable

The reference: 24 different networks, one of each of 24 equal strata of NAS-Bench-201's CIFAR-10 accuracy, each trained
alone from nothing with two seeds on the shipped skeleton. Its accuracies are those on the 10,000 test images; the
supernet's are those on the validation images, which neither training saw. Seed against seed tells how far the reference
repeats itself; the interval is a bootstrap over cells.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasc_sdk.durable import write_durably
from nasc_sdk.ir.count import macs, parameters
from nasc_sdk.ir.network import INPUT, BlockKind, Network
from nasc_search.accuracy.alone import alone_score
from nasc_search.accuracy.ranking import kendall, spearman
from nasc_search.data.dataset import Dataset
from nasc_search.data.fashion_mnist import load
from nasc_search.pretrained.load import open_pretrained
from nasc_search.spaces.nb201 import NB201Space, format_arch, is_connected, parse_arch
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.precision import Precision
from nasc_search.supernet.step import Route, optimizer_of, take_step

REFERENCE = Path(__file__).parent / "data" / "ranking_reference.json"
CELLS, SEEDS, STEPS, DRAWS, TRIES, BATCH = 24, (0, 1), 800, 2000, 50, 500


def strata(path: Path, space: NB201Space, draw: int) -> list[str]:
    """One connected cell of each stratum, drawn with that seed; no two of them are one network."""
    with np.load(path, allow_pickle=False) as data:
        ops, quality = data["ops"], data["cifar10_test_200"]
    rows = np.flatnonzero([is_connected(row) for row in ops.tolist()])
    rows = rows[np.argsort(quality[rows], kind="stable")]
    rng = np.random.default_rng(draw)
    drawn: dict[str, str] = {}
    for part in np.array_split(rows, CELLS):
        archs = [format_arch(ops[row].tolist()) for row in rng.permutation(part)[:TRIES]]
        arch = next(arch for arch in archs if function_of(space.network(arch)) not in drawn)
        drawn[function_of(space.network(arch))] = arch
    return list(drawn.values())


def function_of(network: Network) -> str:
    """What the network computes, whatever its edges are called: cells that differ in detours by skips are one."""
    cell = next(block for block in network.blocks if block.kind is BlockKind.CELL)
    made: dict[str, str] = {INPUT: INPUT}
    for op in cell.ops:
        made[op.output] = f"{op.kind}{op.kernel}({','.join(sorted(made[name] for name in op.inputs))})"
    return made[cell.output]


def train_alone(space: NB201Space, arch: str, seed: int, data: Any) -> float:
    """Accuracy on the test images after ``STEPS`` steps from nothing."""
    network = space.network(arch)
    own = Supernet(space, seed)
    options = TrainOptions(STEPS, 64, 0.1, seed, bfloat16=Precision.AUTO.is_bfloat16())
    optimizer = optimizer_of(own)
    own.train()
    for step in range(STEPS):
        take_step(own, optimizer, data, options, step, (Route(network),))
    own.eval()
    images = torch.from_numpy(data.normalise(data.calibration.images))
    folded = FoldedNetwork(network, recalibrate(own, network, images))
    return folded.accuracy(torch.from_numpy(data.normalise(data.test.images)), torch.from_numpy(data.test.labels))


def train(cells: list[str], path: Path, space: NB201Space) -> None:
    """Every cell with every seed; what the file holds already is not trained again."""
    data = load(need_train=True)
    for seed, arch in product(SEEDS, cells):
        done = json.loads(path.read_text()) if path.exists() else {}
        if str(seed) not in done.get(arch, {}):
            done.setdefault(arch, {})[str(seed)] = accuracy = train_alone(space, arch, seed, data)
            write_durably(path, (json.dumps(done, indent=1) + "\n").encode())
            print(f"{sum(map(len, done.values()))}/{CELLS * len(SEEDS)} {accuracy:.4f} {arch}", flush=True)


def interval(first: np.ndarray, second: np.ndarray) -> list[float]:
    """95 % of Kendall's tau over cells drawn with replacement."""
    rng = np.random.default_rng(0)
    draws = rng.integers(len(first), size=(DRAWS, len(first)))
    return np.percentile([kendall(first[draw], second[draw]) for draw in draws], [2.5, 97.5]).tolist()


def scores(supernet: Supernet, archs: list[str], data: Dataset) -> dict[str, list[float]]:
    """Of each network with the supernet's weights on the validation images: the larger, the better."""
    calibration = torch.from_numpy(data.normalise(data.calibration.images))
    images = torch.from_numpy(data.normalise(data.validation.images))
    labels = torch.from_numpy(data.validation.labels)
    found: dict[str, list[float]] = {"accuracy": [], "cross-entropy": [], "accuracy and depth": []}
    supernet.eval()
    for arch in archs:
        network = supernet.space.network(arch)
        folded = FoldedNetwork(network, recalibrate(supernet, network, calibration))
        logits = torch.cat([folded(part) for part in images.split(BATCH)]).flatten(1)
        found["accuracy"].append(float((logits.argmax(1) == labels).float().mean()))
        found["cross-entropy"].append(-float(torch.nn.functional.cross_entropy(logits, labels)))
        found["accuracy and depth"].append(alone_score(network, found["accuracy"][-1]))
    return found


def report(reference: dict[str, dict[str, float]], found: dict[str, list[float]], space: NB201Space) -> dict[str, Any]:
    """Rank correlations of supernet and proxies with the reference, and what trusting the supernet costs."""
    archs = [arch for arch, seeds in reference.items() if len(seeds) == len(SEEDS)]
    runs = np.asarray([[reference[arch][str(seed)] for seed in SEEDS] for arch in archs])
    mean = runs.mean(axis=1)
    networks = [space.network(arch) for arch in archs]
    proxies = {
        "convolutions": [sum(op in (2, 3) for op in parse_arch(arch)) for arch in archs],
        "MACs": [macs(network) for network in networks],
        "parameters": [parameters(network) for network in networks],
    }
    return {
        "cells": len(archs),
        "steps": STEPS,
        "spread_points": 100 * float(mean.std()),
        "seed_noise_points": 100 * float((runs[:, 0] - runs[:, 1]).std() / np.sqrt(2)),
        "repeatability": {"kendall": kendall(*runs.T), "interval": interval(*runs.T)},
        "supernet": {by: agreement(np.asarray(ours), runs) for by, ours in found.items()},
        "proxies": {name: kendall(values, mean) for name, values in proxies.items()},
    }  # fmt: skip


def agreement(ours: np.ndarray, runs: np.ndarray) -> dict[str, Any]:
    """Of one of the supernet's scores with the reference's accuracies [cells, seeds]."""
    mean, top = runs.mean(axis=1), np.argsort(-ours)[:3]
    return {
        "kendall": kendall(ours, mean), "interval": interval(ours, mean), "spearman": spearman(ours, mean),
        "each_seed": [kendall(ours, run) for run in runs.T],
        "regret_points": {
            "first": 100 * float(mean.max() - mean[top[0]]), "best_of_three": 100 * float(mean.max() - mean[top].max()),
        },
    }  # fmt: skip


def main() -> None:
    """Train the reference, or print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--cells", type=Path, help="nb201_accuracy.npz: `ops` and `cifar10_test_200`")
    parser.add_argument("--draw", type=int, default=20, help="seed of the draw of cells  [default: 20]")
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    parser.add_argument("--supernet", type=Path, help="folder of a trained supernet  [default: the shipped one]")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(given.supernet, Path(cache))
    space = trained.supernet.space
    if given.train:
        train(strata(given.cells, space, given.draw), given.reference, space)
        return
    reference = json.loads(given.reference.read_text())
    archs = [arch for arch, seeds in reference.items() if len(seeds) == len(SEEDS)]
    result = report(reference, scores(trained.supernet, archs, load()), space)
    if given.json:
        print(json.dumps(result))
        return
    show(result)


def show(result: dict[str, Any]) -> None:
    """The report as text."""
    again = result["repeatability"]
    lines = [
        f"{result['cells']} cells, {result['steps']} steps alone, {len(SEEDS)} seeds; "
        f"spread {result['spread_points']:.2f} points, seed noise {result['seed_noise_points']:.2f}",
        f"seed to seed   Kendall {again['kendall']:.3f} [{again['interval'][0]:.2f}, {again['interval'][1]:.2f}]",
    ]
    for by, ours in result["supernet"].items():
        seeds, regret = ", ".join(f"{value:.3f}" for value in ours["each_seed"]), ours["regret_points"]
        lines += [
            f"supernet, by {by}: Kendall {ours['kendall']:.3f} [{ours['interval'][0]:.2f}, {ours['interval'][1]:.2f}], "
            f"Spearman {ours['spearman']:.3f}; against one seed {seeds}",
            f"    regret: first {regret['first']:.2f} points, best of three {regret['best_of_three']:.2f}",
        ]
    lines += [f"{name:14} Kendall {value:.3f}" for name, value in result["proxies"].items()]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
