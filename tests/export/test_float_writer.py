from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.export import float_reference, integer_reference
from nasc_search.export.float_writer import write_float
from nasc_search.export.forms import Form
from nasc_search.export.quantize import dequantize_array, quantize, quantize_array
from nasc_search.export.writer import write_int8
from tests.export.networks import TINY, case, random_network
from tests.export.runtimes import DEFAULT, REFERENCE, RUNTIMES, run, sqnr

ARCH = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kernels", [DEFAULT, REFERENCE])
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("seed", range(12))
def test_the_model_computes_the_network(runtime, kernels, form, seed):
    network, weights, _, batch = case(random_network(np.random.default_rng(seed)), seed)
    expected = float_reference.run(network, weights, batch)
    got = run(runtime, write_float(network, weights, form), batch, kernels)
    np.testing.assert_allclose(got, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_int8_head_and_float_tail_are_close_to_the_whole_float_network_at_every_cut(runtime):
    network, weights, ranges, batch = case(TINY.network(ARCH), 11)
    quantized = quantize(network, weights, ranges)
    expected = float_reference.run(network, weights, batch)
    stored = quantize_array(batch, quantized.input)
    for cut in network.cuts:
        sent = run(runtime, write_int8(quantized.head(cut)), stored) if cut else stored
        real = dequantize_array(sent, quantized.at_cut(cut))
        if cut < len(network.blocks):
            real = run(runtime, write_float(network.tail(cut), weights), real)
        assert sqnr(expected, real) > 20, cut


def test_blocks_one_after_another_are_the_head():
    network, weights, ranges, batch = case(TINY.network(ARCH), 12)
    quantized = quantize(network, weights, ranges)
    images = piece = quantize_array(batch, quantized.input)
    for cut in network.cuts[1:]:
        piece = integer_reference.run(quantized.slice(cut - 1, cut), piece)
        np.testing.assert_array_equal(piece, integer_reference.run(quantized.head(cut), images))


def test_a_weight_that_is_missing_is_named():
    network, _, _, _ = case(TINY.network(ARCH), 12)
    with pytest.raises(InputError, match=r"stem\.conv"):
        write_float(network, {})
