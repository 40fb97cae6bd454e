"""A space in which one choice is known to be better, data that shows it, and settings of known devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.ir.legal import check_network
from nasc_sdk.ir.network import INPUT, Activation, Block, BlockKind, Network, Op, OpKind, TensorSpec
from nasc_sdk.link.link import Link
from nasc_search.cli.cost_model_source import open_model
from nasc_search.data.dataset import Dataset, Split
from nasc_search.joint.constraints import Constraints
from nasc_search.oneshot.setting import Setting

KERNELS = (1, 3)
SIDES = ("left", "right")
BLIND, SEEING = 0, 1
CHANNELS = 16


@dataclass(frozen=True)
class TwoWays:
    """A 1x1 convolution that cannot tell stripes apart, or a 3x3 one that can; then one of two that are alike."""

    name: str = "two-ways"
    choices = (len(KERNELS), len(SIDES))

    def decode(self, code):
        return f"{KERNELS[code[0]]}-{SIDES[code[1]]}"

    def encode(self, arch):
        kernel, _, side = arch.partition("-")
        try:
            return KERNELS.index(int(kernel)), SIDES.index(side)
        except ValueError as error:
            raise InputError(f"{arch} is no architecture") from error

    def sample(self, rng):
        return self.decode(rng.integers(2, size=2))

    def covering_archs(self):
        return ("3-left", "1-right")

    def network(self, arch):
        kernel, side = self.encode(arch)
        image, inner = TensorSpec(8, 8, 1), TensorSpec(8, 8, CHANNELS)
        stem = conv(inner, KERNELS[kernel], f"stem{KERNELS[kernel]}.conv")
        pool = Op(OpKind.GLOBAL_POOL, (INPUT,), "pooled", TensorSpec(1, 1, CHANNELS))
        dense = Op(OpKind.DENSE, ("pooled",), "y", TensorSpec(1, 1, 2), param="classifier.dense")
        blocks = (
            Block("stem", BlockKind.STEM, image, (stem,), "y"),
            Block("layer", BlockKind.CELL, inner, (conv(inner, 1, f"{SIDES[side]}.conv"),), "y"),
            Block("classifier", BlockKind.CLASSIFIER, inner, (pool, dense), "y"),
        )
        return check_network(Network(arch, blocks))


def conv(spec, kernel, param):
    return Op(OpKind.CONV, (INPUT,), "y", spec, kernel, activation=Activation.RELU, param=param, batch_norm=True)


SPACE = TwoWays()


def stripes(count, seed):
    """Vertical or horizontal, of any phase, in noise: each pixel alone says nothing of which."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    phase = (np.arange(8)[None] + rng.integers(0, 2, (count, 1))) % 2
    rows = np.broadcast_to(phase[:, :, None], (count, 8, 8))
    wave = np.where(labels[:, None, None] == 0, rows, rows.transpose(0, 2, 1))
    images = 100 + 60 * wave + rng.integers(0, 40, (count, 8, 8))
    return Split(images[..., None].astype(np.uint8), labels.astype(np.int64))


def task():
    splits = (stripes(count, seed) for seed, count in enumerate((200, 64, 64, 64)))
    return Dataset("stripes", ("vertical", "horizontal"), (0.55,), (0.15,), *splits)


open_model = lru_cache(open_model)


def setting(space, limit_ms, **constraints):
    """On a board like a Raspberry Pi 4 with a fast server near by."""
    board, server = (open_model(name, space) for name in ("raspi4", "titan_rtx_1"))
    return Setting(board, server, Link.fixed(100.0, 0.05), Constraints(limit_ms, **constraints))
