"""Training throughput: our step against a plain PyTorch loop over the same networks, in one run.

    python benchmarks/train_speed.py [--rounds 5] [--steps 12] [--channels 16] [--json]

NAS-Bench-201 cells, one cell per stage, 28x28 grey images, batch 64, one thread. The plain loop is what one writes
first: images as one float tensor in NCHW, flipped and shifted image by image with torch, float32, contiguous weights,
torch.optim.SGD and gradient clipping as they come. Ours is nasc_search.supernet.step.take_step. All ways train the
same sub-networks in the same order, in turns; images per second of CPU time, median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F

from nasc_sdk.ir.network import Network, TensorSpec
from nasc_search.data.dataset import Dataset, Split
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.step import CLIP_NORM, MOMENTUM, WEIGHT_DECAY, Route, optimizer_of, take_step

BATCH, SHIFT = 64, 2
Step = Callable[[int, Network], torch.Tensor]


def some_data() -> Dataset:
    """Random images: speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (4096, 28, 28, 1)).astype(np.uint8), rng.integers(0, 10, 4096))
    return Dataset("random", tuple("0123456789"), (0.5,), (0.3,), split, split, split, split)


def plain(space: NB201Space, data: Dataset) -> Step:
    """The loop that one writes first."""
    model = Supernet(space).to(memory_format=torch.contiguous_format).train()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    assert data.train is not None
    images = torch.from_numpy(data.normalise(data.train.images))
    labels = torch.from_numpy(data.train.labels)
    generator = torch.Generator().manual_seed(0)

    def augmented(image: torch.Tensor) -> torch.Tensor:
        if torch.rand((), generator=generator) < 0.5:
            image = image.flip(-1)
        top, left = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
        height, width = image.shape[1:]
        return F.pad(image, (SHIFT,) * 4)[:, top : top + height, left : left + width]

    def step(index: int, network: Network) -> torch.Tensor:
        chosen = torch.randint(len(images), (BATCH,), generator=generator)
        batch = torch.stack([augmented(images[row]) for row in chosen.tolist()])
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch, network).flatten(1), labels[chosen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        return loss.detach()

    return step


def ours(space: NB201Space, data: Dataset, bfloat16: bool) -> Step:
    """What ``nasc-sdk train`` does."""
    supernet = Supernet(space).train()
    optimizer = optimizer_of(supernet)
    options = TrainOptions(100_000, BATCH, 0.05, bfloat16=bfloat16)
    return lambda index, network: take_step(supernet, optimizer, data, options, index, (Route(network),))


def processor() -> str:
    """The machine's own name of its processor."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()


def main() -> None:
    """Print images per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12, help="a round and way")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    space = NB201Space(Macro(TensorSpec(28, 28, 1), 10, given.channels))
    data, rng = some_data(), np.random.default_rng(1)
    networks = [space.network(space.sample(rng)) for _ in range(given.steps)]
    ways = {"plain": plain(space, data), "ours": ours(space, data, False), "ours, bfloat16": ours(space, data, True)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(-1, given.rounds):  # the first round warms up
        for name, step in ways.items():
            begun = time.process_time()
            for network in networks:
                step(index + 1, network)
            if index >= 0:
                found[name].append(BATCH * given.steps / (time.process_time() - begun))
    rate = {name: median(values) for name, values in found.items()}
    ratios = {
        name: median(o / p for o, p in zip(found[name], found["plain"], strict=True)) for name in ways
    }
    machine = f"{processor()}, torch {torch.__version__}, 1 thread"
    if given.json:
        print(json.dumps({"machine": machine, "images_per_cpu_s": rate, "against_plain": ratios}))
        return
    print(machine)
    for name in ways:
        print(f"{name:15} {rate[name]:6.0f} images/s of CPU time   {ratios[name]:.2f}x plain")


if __name__ == "__main__":
    main()
