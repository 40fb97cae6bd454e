from __future__ import annotations

import math

import numpy as np
import pytest

from nasc_sdk.bundle import Quantization
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import INPUT, OpKind
from nasc_search.export import integer_reference
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels
from nasc_search.export.quantize import dequantize_array, quantize, quantize_array
from nasc_search.export.writer import write_int8
from nasc_search.weights import LayerWeights
from tests.export.networks import TINY, case, random_network
from tests.export.runtimes import REFERENCE, RUNTIMES, run

SEEDS = range(12)
POOLED = "|avg_pool_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|"


@pytest.mark.parametrize("seed", SEEDS)
def test_parameters_are_legal_and_shared(seed):
    network, weights, ranges, _ = case(random_network(np.random.default_rng(seed)), seed)
    quantized = quantize(network, weights, ranges)
    for quantization in quantized.tensors.values():
        assert -128 <= quantization.zero_point <= 127
        assert 0 < quantization.scale == float(np.float32(quantization.scale))
    for before, after in zip(quantized.network.blocks, quantized.network.blocks[1:], strict=False):
        assert quantized.tensors[before.name, before.output] == quantized.tensors[after.name, INPUT]
    for block, op in quantized.network.ops():
        if op.kind is OpKind.AVG_POOL:
            source = quantized.tensors[block.name, op.inputs[0]]
            assert quantized.tensors[block.name, op.output] == source


def test_every_slice_has_the_same_parameters_at_a_cut():
    network, weights, ranges, _ = case(TINY.network(POOLED), 1)
    whole = quantize(network, weights, ranges)
    for cut in range(1, len(network.blocks)):
        assert whole.head(cut).output == whole.at_cut(cut) == whole.slice(cut, cut + 1).input
    assert (whole.input, whole.output) == (whole.at_cut(0), whole.at_cut(len(network.blocks)))


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (2, 1), (-1, 2), (0, 99)])
def test_a_slice_without_blocks_is_refused(start, stop):
    network, weights, ranges, _ = case(TINY.network(POOLED), 1)
    with pytest.raises(InputError, match="no network"):
        quantize(network, weights, ranges).slice(start, stop)


def test_weights_are_symmetric_per_channel():
    network, weights, ranges, _ = case(TINY.network(POOLED), 2)
    quantized = quantize(network, weights, ranges)
    layer, real = quantized.layers["stem", "y"], weights["stem.conv"]
    assert np.abs(layer.weight).reshape(len(layer.weight), -1).max(axis=1).tolist() == [127] * 8
    step = layer.scales[:, None, None, None]
    assert np.abs(layer.weight * step - real.weight).max() <= 0.5001 * step.max()
    bias = layer.bias * layer.scales.astype(np.float64) * quantized.input.scale
    np.testing.assert_allclose(bias, real.bias, atol=float(layer.scales.max() * quantized.input.scale))


@pytest.mark.parametrize("value", [(0.0, 0.0), (1e-30, 1e-30), (5.0, 5.0), (-3.0, -3.0), (0.0, 1e-12)])
@pytest.mark.parametrize("tensor", ["x", "y"])
def test_degenerate_ranges_still_give_a_model_that_runs(value, tensor):
    network, weights, ranges, batch = case(TINY.network(POOLED), 3)
    quantized = quantize(network, weights, dict(ranges) | {("stem", tensor): value})
    head = quantized.head(2)
    images = quantize_array(batch, head.input)
    for runtime in RUNTIMES:
        np.testing.assert_array_equal(
            run(runtime, write_int8(head), images, REFERENCE), integer_reference.run(head, images)
        )


def test_a_channel_without_weights_keeps_its_bias():
    network, weights, ranges, batch = case(TINY.network(POOLED), 4)
    stem = weights["stem.conv"]
    weight, bias = stem.weight.copy(), stem.bias.copy()
    weight[2], bias[2] = 0, 1.0
    weight[3], bias[3] = 0, 0
    changed = dict(weights) | {"stem.conv": LayerWeights(weight, bias)}
    head = quantize(network, changed, dict(ranges) | {("stem", "y"): (-2.0, 2.0)}).head(1)
    real = dequantize_array(integer_reference.run(head, quantize_array(batch, head.input)), head.output)
    np.testing.assert_allclose(real[..., 2], 1.0, atol=head.output.scale)
    np.testing.assert_array_equal(real[..., 3], 0)


def test_missing_ranges_and_weights_are_named():
    network, weights, ranges, _ = case(TINY.network(POOLED), 5)
    with pytest.raises(InputError, match=r"tensor y of block stem"):
        quantize(network, weights, {key: value for key, value in ranges.items() if key != ("stem", "y")})
    with pytest.raises(InputError, match=r"stem\.conv"):
        quantize(network, {}, ranges)


@pytest.mark.parametrize("value", [(math.nan, 1.0), (0.0, math.inf), (1.0, -1.0)])
def test_ranges_that_are_none_are_refused(value):
    network, weights, ranges, _ = case(TINY.network(POOLED), 5)
    with pytest.raises(InputError, match="no usable range"):
        quantize(network, weights, dict(ranges) | {("stem", "x"): value})


def test_weights_that_are_not_finite_are_refused():
    network, weights, ranges, _ = case(TINY.network(POOLED), 5)
    stem = weights["stem.conv"]
    broken = dict(weights) | {"stem.conv": LayerWeights(stem.weight * np.float32(math.inf), stem.bias)}
    with pytest.raises(InputError, match="not finite"):
        quantize(network, broken, ranges)


def test_arrays_round_to_nearest_and_saturate():
    quantization = Quantization(0.5, -3)
    stored = quantize_array(np.array([0.0, 0.3, -0.2, 1e9, -1e9], np.float32), quantization)
    assert stored.tolist() == [-3, -2, -3, 127, -128]
    assert dequantize_array(stored, quantization)[:2].tolist() == [0.0, 0.5]


@pytest.mark.parametrize("seed", range(15))
def test_absurd_ranges_give_models_that_run_and_agree(seed):
    rng = np.random.default_rng(1000 + seed)
    network, weights, ranges, batch = case(random_network(rng), seed)
    absurd = {key: tuple(np.array(value) * 10 ** rng.uniform(-4, 2)) for key, value in ranges.items()}
    quantized = quantize(network, weights, absurd)
    images = quantize_array(batch, quantized.input)
    for runtime in RUNTIMES:
        for form in Form:
            expected = integer_reference.run(quantized, images, form, Kernels.REFERENCE)
            got = run(runtime, write_int8(quantized, form), images, REFERENCE)
            np.testing.assert_array_equal(got, expected)
