"""The torch reference against plain numpy, and what is served against the reference."""

import subprocess
import sys

import numpy as np
import pytest

from nasc_edge.tails import LitertTail
from nasc_edge.torch_tail import TorchTail, check_against_torch
from nasc_sdk.contract import Contract
from nasc_sdk.errors import InputError, MissingExtraError
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export import float_reference
from nasc_search.export.float_writer import write_float
from tests.export.networks import TINY, case, random_network

ARCH = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"


def plain(weights):
    return {param: (layer.weight, layer.bias) for param, layer in weights.items()}


@pytest.mark.parametrize("seed", range(5))
def test_every_operator_as_in_numpy(seed):
    network, weights, _, batch = case(random_network(np.random.default_rng(seed)), seed)
    expected = float_reference.run(network, weights, batch)
    got = TorchTail(network, plain(weights)).run(batch)
    # The reference gives the tensor as NHWC, the tail flattened as torch holds it (NCHW).
    np.testing.assert_allclose(
        got, np.moveaxis(expected, -1, 1).reshape(len(batch), -1), atol=1e-4, rtol=1e-4
    )


def test_served_tails_agree_at_every_cut():
    network, weights, _, batch = case(TINY.network(ARCH), 3)
    for cut in range(len(network.blocks)):
        tail, spec = network.tail(cut), network.cut_spec(cut)
        values = float_reference.run(network.head(cut), weights, batch) if cut else batch
        served = LitertTail(write_float(tail, weights), Contract(cut, spec, 1.0, 0, "x"), open_runtime())
        agreement = check_against_torch(served, TorchTail(tail, plain(weights)), values.astype(np.float32))
        assert agreement.same_top1 == 1
        assert agreement.largest_difference < 1e-3


def test_the_reference_leaves_the_weights_as_they_were():
    network, weights, _, batch = case(TINY.network(ARCH), 3)
    before = {param: (layer.weight.copy(), layer.bias.copy()) for param, layer in weights.items()}
    TorchTail(network, plain(weights)).run(batch)
    for param, pair in before.items():
        for kept, array in zip(pair, plain(weights)[param], strict=True):
            np.testing.assert_array_equal(array, kept)
            assert array.flags.c_contiguous


def test_missing_weights_are_named():
    network, weights, _, _ = case(TINY.network(ARCH), 3)
    kept = {param: pair for param, pair in plain(weights).items() if param != "classifier.dense"}
    with pytest.raises(InputError, match=r"classifier\.dense"):
        TorchTail(network, kept)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    network, weights, _, _ = case(TINY.network(ARCH), 3)
    with pytest.raises(MissingExtraError, match=r"nasc-sdk\[edge\]"):
        TorchTail(network, plain(weights))


def test_importing_the_edge_package_loads_no_torch():
    code = (
        "import sys, nasc_edge.torch_tail, nasc_edge.server, nasc_edge.cli; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
