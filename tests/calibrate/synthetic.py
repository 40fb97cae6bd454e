"""Profiles of a board whose operators have known times."""

from __future__ import annotations

import numpy as np

from nasc_sdk.cost.features import block_key, join_blocks, parse_block
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.profiling.profile import Conditions, Measurement, Profile, Timing
from nasc_search.export.simplify import simplify
from nasc_search.spaces.nb201 import Macro, NB201Space

SPACE = NB201Space(Macro(TensorSpec(8, 8, 3), classes=4, channels=8))
CONDITIONS = Conditions("synthetic", "reference", 1, "none", "none")
INVOCATION_US = 20.0
SCALE = 1.05


def keys_of(arch):
    return tuple(block_key(block) for block in simplify(SPACE.network(arch)).blocks)


def true_op_us(op):
    """Any fixed function of the key that a work-based guess does not hit."""
    rng = np.random.default_rng(abs(hash_of(op)))
    from nasc_sdk.cost.features import parse_op

    parsed = parse_op(op)
    return (parsed.macs + parsed.bytes_moved) * 2e-3 * float(rng.uniform(0.4, 2.5))


def hash_of(text):
    return int.from_bytes(text.encode(), "little") % (1 << 63)


def true_us(keys, scale=1.0):
    work = sum(count * true_op_us(op) for key in keys for op, count in parse_block(key)[1].items())
    return INVOCATION_US + scale * work


def measurement(title, key, us, rng, noise):
    median = us * (1 + noise * rng.normal())
    return Measurement(key, title, "", Timing(median, median * (1 + 1.645 * 2 * noise), median * 0.99, 9))


def profile(seed=0, archs=40, heads=12, noise=0.01, scale=SCALE):
    rng = np.random.default_rng(seed)
    chosen = [SPACE.sample(rng) for _ in range(archs)]
    blocks = {key: None for arch in chosen for key in keys_of(arch) if parse_block(key)[1]}
    whole = []
    for index in range(heads):
        keys = keys_of(SPACE.sample(rng))
        whole.append(keys[: 2 + index % (len(keys) - 1)])
    return profile_of(blocks, whole, rng, noise, scale)


def profile_of(blocks, heads, rng, noise=0.01, scale=SCALE):
    """Of these block keys, and heads of block keys, as the true times say."""
    return Profile(
        "board",
        CONDITIONS,
        tuple(measurement(f"block {n}", key, true_us([key]), rng, noise) for n, key in enumerate(blocks)),
        tuple(
            measurement(f"head {n}", join_blocks(keys), true_us(keys, scale), rng, noise)
            for n, keys in enumerate(heads)
        ),
    )
