"""A cost model of FBNet's blocks, from timed blocks and heads, and the costs of layers from it."""

import numpy as np

from nasc_sdk.cost.features import block_key, parse_block
from nasc_sdk.cost.model import predict_heads
from nasc_sdk.ir.network import TensorSpec
from nasc_search.calibrate.fit import fit
from nasc_search.export.simplify import simplify
from nasc_search.layered.costs import layered_costs
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from tests.calibrate.synthetic import SCALE, profile_of, true_us

SPACE = FBNetSpace(FBNetMacro(TensorSpec(12, 12, 3), 4, 0.5, (1, 1, 0, 0, 0, 1, 0)))


def keys_of(arch):
    return tuple(block_key(block) for block in simplify(SPACE.network(arch)).blocks)


def profile(rng, heads=24, noise=0.01):
    """Every block once, some heads; skips that are nothing cannot be timed."""
    archs = (*SPACE.covering_archs(), *(SPACE.sample(rng) for _ in range(heads)))
    blocks = dict.fromkeys(key for arch in archs for key in keys_of(arch) if parse_block(key)[1])
    whole = [keys_of(arch)[: 2 + index % (len(SPACE.layers) + 1)] for index, arch in enumerate(archs)]
    return profile_of(blocks, whole, rng, noise)


def test_unseen_heads_and_layers_are_predicted():
    rng = np.random.default_rng(5)
    model, report = fit(profile(rng))
    assert report.mean < 0.03
    unseen = [SPACE.sample(rng) for _ in range(30)]
    true = np.array([true_us(keys_of(arch), SCALE) for arch in unseen])
    found = predict_heads(model, [keys_of(arch) for arch in unseen])
    assert found.extrapolated == ()
    assert np.abs(found.us / true - 1).mean() < 0.03
    costs = layered_costs(SPACE, model, model)
    for arch, us in zip(unseen, found.us.tolist(), strict=True):
        layers = costs.board_ms[np.arange(len(SPACE.layers)), SPACE.encode(arch)]
        total = costs.stem_board_ms + layers.sum() + costs.classifier_board_ms
        np.testing.assert_allclose(total, us / 1000)
