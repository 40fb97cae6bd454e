"""Tails as they are served (float32 on LiteRT) against the same tails in eager torch, one thread each.

    python benchmarks/tail_speed.py [--archs 5] [--rounds 100] [--json FILE]

Torch runs them in two forms: as trained (convolution and batch norm, channels first), and as torch would
serve them (batch norm folded into weights that lie as torch likes them best, channels last).

Tails of the demo: the shipped supernet's weights, real activations; the most accurate evaluated architectures, which a
search chooses when it can, and as many random ones, each at an early, a middle and a late cut. And one of CIFAR's size
with random weights. Calls alternate. Late cuts and random architectures compute little, so there torch's cost per
operator counts most: read the groups, not only the median of all.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_edge.tails import LitertTail
from nasc_sdk.cli.output import format_table
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import Network, TensorSpec
from nasc_sdk.runtime.base import describe
from nasc_sdk.runtime.select import open_runtime
from nasc_search.data.fashion_mnist import load
from nasc_search.export.float_writer import write_float
from nasc_search.export.quantize import quantize_array
from nasc_search.pretrained.load import Pretrained, open_pretrained
from nasc_search.service.workshop import Workshop
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.spaces.space import SearchSpace
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet
from nasc_search.weights import FoldedWeights

IMAGES = 64
CIFAR = TensorSpec(32, 32, 3)
CIFAR_ARCH = "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One tail and what it is run on."""

    group: str
    network: Network
    """The tail."""
    supernet: Supernet
    weights: FoldedWeights
    contract: Contract
    values: NDArray[np.float32]
    """(IMAGES, height, width, channels), as decoded from a request."""


@dataclass(frozen=True, slots=True)
class TailSpeed:
    """One tail; medians of single calls."""

    group: str
    arch: str
    cut: int
    served_ms: float
    trained_ms: float
    """Eager torch, as trained."""
    folded_ms: float
    """Eager torch, folded and channels last."""
    same_top1: float
    """Share of images, 0..1."""
    largest_difference: float
    """Of any logit."""

    @property
    def ratio(self) -> float:
        """How much faster it is served than it runs as trained."""
        return self.trained_ms / self.served_ms

    @property
    def folded_ratio(self) -> float:
        """The same against the folded form."""
        return self.folded_ms / self.served_ms


def demo_cases(trained: Pretrained, archs: int) -> Iterator[Case]:
    """Early, middle and late cuts of the most accurate and of random architectures."""
    workshop, space, rng = Workshop(trained.supernet, load()), trained.supernet.space, np.random.default_rng(0)
    images = torch.from_numpy(workshop.dataset.normalise(workshop.dataset.validation.images[:IMAGES]))
    best = sorted(trained.evaluated, key=trained.evaluated.__getitem__, reverse=True)
    drawn = (space.sample(rng) for _ in range(10 * archs))
    chosen = [("accurate", arch) for arch in islice(distinct(space, best), archs)]
    chosen += [("random", arch) for arch in islice(distinct(space, drawn), archs)]
    for group, arch in chosen:
        prepared = workshop.prepare_light(arch)
        blocks = prepared.network.blocks
        inputs = prepared.folded.block_inputs(images)
        for cut in (1, (len(blocks) - 1) // 2, len(blocks) - 3):
            parameters = prepared.quantized.at_cut(cut)
            tail, spec = prepared.network.tail(cut), prepared.network.cut_spec(cut)
            contract = Contract(cut, spec, parameters.scale, parameters.zero_point, "benchmark")
            payload = quantize_array(inputs[blocks[cut].name], parameters).tobytes()
            values = CutCodec(contract).decode(payload, IMAGES)
            yield Case(group, tail, workshop.supernet, prepared.folded.weights, contract, values)


def distinct(space: SearchSpace, archs: Iterable[str]) -> Iterator[str]:
    """The first of each network: cells that differ in dead edges only are one."""
    seen = set()
    for arch in archs:
        blocks = space.network(arch).blocks
        if blocks not in seen:
            seen.add(blocks)
            yield arch


def cifar_case() -> Case:
    """The first cut of a network of CIFAR's size, one cell a stage, on noise."""
    rng = np.random.default_rng(1)
    space = NB201Space(Macro(CIFAR, classes=10, channels=16))
    supernet, network = Supernet(space, 1).eval(), space.network(CIFAR_ARCH)
    noise = torch.from_numpy(rng.normal(size=(IMAGES, CIFAR.channels, CIFAR.height, CIFAR.width)).astype(np.float32))
    weights = recalibrate(supernet, network, noise)
    contract = Contract(1, network.cut_spec(1), 0.02, 0, "benchmark")
    payload = rng.integers(-128, 128, IMAGES * contract.shape.elements).astype(np.int8).tobytes()
    values = CutCodec(contract).decode(payload, IMAGES)
    return Case("CIFAR-sized", network.tail(1), supernet, weights, contract, values)


def measure(case: Case, rounds: int) -> TailSpeed:
    """Both forms of one tail on the same activations."""
    served = LitertTail(write_float(case.network, case.weights), case.contract, open_runtime())
    folded = FoldedNetwork(case.network, case.weights)

    def reference(cut: NDArray[np.float32]) -> NDArray[np.float32]:
        # NHWC memory seen as NCHW is channels_last: nothing is copied.
        return np.asarray(folded(torch.from_numpy(cut).permute(0, 3, 1, 2)).flatten(1).contiguous())

    got, expected = served.run(case.values, 0), reference(case.values)
    one = case.values[:1]
    channels_first = torch.from_numpy(one).permute(0, 3, 1, 2).contiguous()

    def as_trained() -> None:
        with torch.inference_mode():
            case.supernet(channels_first, case.network)

    served_ms, trained_ms, folded_ms = alternate(
        (lambda: served.run(one, 0), as_trained, lambda: reference(one)), rounds
    )
    return TailSpeed(
        case.group, case.network.arch, case.contract.cut, served_ms, trained_ms, folded_ms,
        float((got.argmax(1) == expected.argmax(1)).mean()), float(np.abs(got - expected).max()),
    )  # fmt: skip


def alternate(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median milliseconds of each, a tenth of the rounds before as warm-up."""
    samples: list[list[float]] = [[] for _ in calls]
    for number in range(-max(rounds // 10, 3), rounds):
        for call, kept in zip(calls, samples, strict=True):
            started = time.perf_counter_ns()
            call()
            if number >= 0:
                kept.append((time.perf_counter_ns() - started) / 1e6)
    return [statistics.median(kept) for kept in samples]


def rows_of(found: Sequence[TailSpeed]) -> list[list[str]]:
    """One row a tail."""
    return [
        [tail.group, tail.arch, str(tail.cut), f"{tail.served_ms:.3f}",
         f"{tail.trained_ms:.3f}", f"{tail.folded_ms:.3f}", f"{tail.ratio:.2f}x", f"{tail.folded_ratio:.2f}x",
         f"{tail.same_top1:.1%}", f"{tail.largest_difference:.1g}"]
        for tail in found
    ]  # fmt: skip


def summary(found: Sequence[TailSpeed]) -> list[list[str]]:
    """One row a group and cut, and one of all."""
    groups: dict[tuple[str, str], list[TailSpeed]] = {}
    for tail in found:
        groups.setdefault((tail.group, str(tail.cut)), []).append(tail)
        groups.setdefault(("all", ""), []).append(tail)
    rows = []
    for key, tails in sorted(groups.items(), key=lambda item: (item[0][0] == "all", item[0])):
        row = [*key, str(len(tails))]
        for ratios in ([tail.ratio for tail in tails], [tail.folded_ratio for tail in tails]):
            reached = sum(ratio >= 3 for ratio in ratios)
            row += [f"{statistics.median(ratios):.2f}x", f"{min(ratios):.2f}x", str(reached)]
        rows.append(row)
    return rows


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archs", type=int, default=5, help="of each group")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(None, Path(cache))
    found = [measure(case, given.rounds) for case in (*demo_cases(trained, given.archs), cifar_case())]
    machine = f"{platform.machine()}, {describe(open_runtime())}, torch {torch.__version__}, 1 thread"
    print(machine)
    names = ["group", "architecture", "cut", "served ms", "torch as trained ms", "torch folded ms",
             "faster than trained", "than folded", "same top-1", "off by"]  # fmt: skip
    print(format_table(names, rows_of(found)), end="\n\n")
    print(format_table(["group", "cut", "tails", "trained: median", "least", "3x or more",
                        "folded: median", "least", "3x or more"], summary(found)))  # fmt: skip
    print(f"same top-1 on {min(tail.same_top1 for tail in found):.1%} of the images, in the worst case")
    if given.json:
        tails = [asdict(tail) | {"ratio": tail.ratio, "folded_ratio": tail.folded_ratio} for tail in found]
        document = {"machine": machine, "tails": tails}
        given.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
