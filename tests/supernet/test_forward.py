"""The forward pass over the IR against NAS-Bench-201's cells written by hand in torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nasc_search.spaces.nb201 import EDGES, EdgeOp, parse_arch
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from tests.supernet.shaken import shaken
from tests.supernet.tasks import DENSE_CELL, SPACE, images


def some_archs(count, seed):
    rng = np.random.default_rng(seed)
    return [DENSE_CELL, *(SPACE.sample(rng) for _ in range(count))]


def by_hand(supernet, arch, x):
    """As in the paper: a node is the sum of its edges; edges are RELU-conv-BN, pool, skip or nothing."""
    normalise = {}

    def conv(key, value, stride=1):
        layer = supernet.layer(key)
        size = layer.weight.shape[-1]
        y = F.conv2d(value, layer.weight, layer.bias, stride, size // 2)
        if layer.norm is None:
            return y
        normalise[key] = F.batch_norm(y, None, None, layer.norm.weight, layer.norm.bias, training=True)
        return normalise[key]

    def cell(name, value):
        nodes = {0: value}
        for node in (1, 2, 3):
            terms = [torch.zeros_like(value)]
            for (source, target), op in zip(EDGES, parse_arch(arch), strict=True):
                if target != node or op is EdgeOp.NONE:
                    continue
                given = nodes[source]
                if op is EdgeOp.SKIP:
                    terms.append(given)
                elif op is EdgeOp.POOL_3X3:
                    terms.append(F.avg_pool2d(given, 3, 1, 1))
                elif not reached(source):
                    continue
                else:
                    kernel = 1 if op is EdgeOp.CONV_1X1 else 3
                    terms.append(conv(f"{name}.e{source}{node}.conv{kernel}", F.relu(given)))
            nodes[node] = sum(terms)
        return nodes[3]

    def reached(node):
        known = {0}
        for (source, target), op in zip(EDGES, parse_arch(arch), strict=True):
            if source in known and op is not EdgeOp.NONE:
                known.add(target)
        return node in known

    def reduction(name, value):
        a = F.relu(conv(f"{name}.conv_a", F.relu(value), 2))
        return conv(f"{name}.conv_b", a) + conv(f"{name}.shortcut", F.avg_pool2d(value, 2, 2))

    x = cell("cell_0_0", conv("stem.conv", x))
    x = cell("cell_1_0", reduction("reduce_1", x))
    x = cell("cell_2_0", reduction("reduce_2", x))
    last = supernet.layer("classifier.normal")
    x = F.relu(F.batch_norm(x * last.weight[:, 0], None, None, last.norm.weight, last.norm.bias, training=True))
    dense = supernet.layer("classifier.dense")
    return F.linear(x.mean((2, 3)), dense.weight, dense.bias)


@pytest.mark.parametrize("arch", some_archs(12, 0))
def test_forward_is_the_papers_cell(arch):
    supernet = shaken(SPACE)
    with torch.no_grad():
        expected = by_hand(supernet, arch, images())
        found = supernet(images(), SPACE.network(arch))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arch", some_archs(6, 1))
def test_folding_equals_batch_norm_on_the_calibration_images(arch):
    supernet = shaken(SPACE, 3)
    network = SPACE.network(arch)
    folded = FoldedNetwork(network, recalibrate(supernet, network, images(64)))
    with torch.no_grad():
        expected = supernet(images(64), network)
    torch.testing.assert_close(folded(images(64)), expected, rtol=1e-3, atol=1e-3)


def test_folding_leaves_the_supernet_alone():
    supernet = shaken(SPACE)
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    recalibrate(supernet, SPACE.network(DENSE_CELL), images())
    assert all(torch.equal(before[name], value) for name, value in supernet.state_dict().items())


def test_head_and_tail_make_the_whole():
    supernet, network = shaken(SPACE), SPACE.network(DENSE_CELL)
    weights = recalibrate(supernet, network, images())
    whole = FoldedNetwork(network, weights)(images())
    for cut in network.cuts:
        at_cut = FoldedNetwork(network.head(cut), weights)(images())
        spec = network.cut_spec(cut)
        assert at_cut.flatten(1).shape[1] == spec.elements
        torch.testing.assert_close(FoldedNetwork(network.tail(cut), weights)(at_cut), whole)


def test_ranges_and_block_inputs_see_every_tensor():
    supernet, network = shaken(SPACE), SPACE.network(DENSE_CELL)
    folded = FoldedNetwork(network, recalibrate(supernet, network, images()))
    ranges = folded.ranges(images())
    assert {(block.name, op.output) for block, op in network.ops()} <= set(ranges)
    assert all(low <= high for low, high in ranges.values())
    inputs = folded.block_inputs(images(2))
    assert {name: array.shape for name, array in inputs.items()} == {
        block.name: (2, block.input.height, block.input.width, block.input.channels) for block in network.blocks
    }


def test_versions_tell_weights_and_architectures_apart():
    network = SPACE.network(DENSE_CELL)
    supernets = (shaken(SPACE, seed) for seed in (0, 0, 1))
    versions = [FoldedNetwork(network, recalibrate(supernet, network, images())).version for supernet in supernets]
    assert versions[0] == versions[1] != versions[2]
