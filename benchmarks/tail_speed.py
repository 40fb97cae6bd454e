"""Tails as they are served (float32 on LiteRT) against the same tails in eager torch, one thread each.

    python benchmarks/tail_speed.py [--tails 20] [--rounds 100] [--json FILE]

The tails are those of the demo: the shipped supernet's weights, batch norm folded (for torch, too), real activations.
The most accurate evaluated architecture at its first cut, which the demo serves, and random architectures at random
cuts. Rounds alternate; both must give the same top-1 on every image.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from nasc_edge.tails import LitertTail, decode_cut
from nasc_edge.torch_tail import TorchTail, check_against_torch
from nasc_sdk.cli.output import format_table
from nasc_sdk.contract import Contract
from nasc_sdk.runtime.base import describe
from nasc_sdk.runtime.select import open_runtime
from nasc_search.data.fashion_mnist import load
from nasc_search.export.float_writer import write_float
from nasc_search.export.quantize import quantize_array
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.workshop import Workshop

IMAGES = 64


@dataclass(frozen=True, slots=True)
class TailSpeed:
    """One tail; medians."""

    arch: str
    cut: int
    served_ms: float
    torch_ms: float
    same_top1: float
    """Share of images, 0..1."""

    @property
    def ratio(self) -> float:
        """How much faster it is served."""
        return self.torch_ms / self.served_ms


def measure(workshop: Workshop, arch: str, cut: int, rounds: int) -> TailSpeed:
    """Both forms of one tail on the same activations."""
    prepared = workshop.prepare_light(arch)
    part = prepared.quantized.slice(cut, len(prepared.network.blocks))
    images = torch.from_numpy(workshop.dataset.normalise(workshop.dataset.validation.images[:IMAGES]))
    activations = prepared.folded.block_inputs(images)[part.network.blocks[0].name]
    contract = Contract(cut, part.network.input, part.input.scale, part.input.zero_point, "benchmark")
    values = decode_cut(contract, quantize_array(activations, part.input).tobytes(), IMAGES)
    tail, weights = prepared.network.tail(cut), prepared.folded.weights
    served = LitertTail(write_float(tail, weights), contract, open_runtime())
    reference = TorchTail(tail, {param: (layer.weight, layer.bias) for param, layer in weights.items()})
    agreement = check_against_torch(served, reference, values)
    one = values[:1]
    served_ms, torch_ms = alternate(lambda: served.run(one, 0), lambda: reference.run(one), rounds)
    return TailSpeed(arch, cut, served_ms, torch_ms, agreement.same_top1)


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median milliseconds of both, a tenth of the rounds before as warm-up."""
    samples: tuple[list[float], list[float]] = ([], [])
    for number in range(-max(rounds // 10, 3), rounds):
        for call, kept in zip((first, second), samples, strict=True):
            started = time.perf_counter_ns()
            call()
            if number >= 0:
                kept.append((time.perf_counter_ns() - started) / 1e6)
    return statistics.median(samples[0]), statistics.median(samples[1])


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tails", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(None, Path(cache))
    workshop, rng = Workshop(trained.supernet, load()), np.random.default_rng(0)
    space = trained.supernet.space
    last = len(space.network(space.archs[0]).blocks) - 1
    chosen = [(max(trained.evaluated, key=trained.evaluated.__getitem__), 1)]
    chosen += [(space.sample(rng), int(rng.integers(1, last))) for _ in range(given.tails)]
    found = [measure(workshop, arch, cut, given.rounds) for arch, cut in chosen]
    machine = f"{platform.machine()}, {describe(open_runtime())}, torch {torch.__version__}, 1 thread"
    rows = [
        (tail.arch, str(tail.cut), f"{tail.served_ms:.3f}", f"{tail.torch_ms:.3f}", f"{tail.ratio:.1f}x")
        for tail in found
    ]
    print(machine)
    print(format_table(("architecture", "cut", "served ms", "torch ms", "faster"), rows))
    ratios = [tail.ratio for tail in found[1:]]
    same = min(tail.same_top1 for tail in found)
    print(
        f"the demo's {found[0].ratio:.1f}x; {len(ratios)} random tails: median {statistics.median(ratios):.1f}x, "
        f"least {min(ratios):.1f}x; same top-1 on {same:.1%} of the images"
    )
    if given.json:
        document = {"machine": machine, "tails": [asdict(tail) | {"ratio": tail.ratio} for tail in found]}
        given.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
