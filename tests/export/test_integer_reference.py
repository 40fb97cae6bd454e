"""The integer reference against both runtimes, on every operator and on whole heads."""

from __future__ import annotations

import numpy as np
import pytest

from nasc_search.export import float_reference, integer_reference
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels
from nasc_search.export.quantize import dequantize_array, quantize, quantize_array
from nasc_search.export.writer import write_int8
from tests.export.networks import TINY, case, random_network
from tests.export.runtimes import BUILTIN, DEFAULT, REFERENCE, RUNTIMES, run, sqnr

SEEDS = range(25)


def random_case(seed):
    network, weights, ranges, batch = case(random_network(np.random.default_rng(seed)), seed)
    quantized = quantize(network, weights, ranges)
    return quantized, quantize_array(batch, quantized.input)


def random_head(seed):
    """A NAS-Bench-201 head at a random cut; the last one is the whole network."""
    rng = np.random.default_rng(seed)
    network, weights, ranges, batch = case(TINY.network(TINY.sample(rng)), seed)
    quantized = quantize(network, weights, ranges)
    cut = int(rng.integers(1, len(network.blocks) + 1))
    return quantized.head(cut), quantize_array(batch, quantized.input)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("seed", SEEDS)
def test_reference_kernels_agree_to_the_bit(runtime, form, seed):
    quantized, images = random_case(seed)
    expected = integer_reference.run(quantized, images, form, Kernels.REFERENCE)
    np.testing.assert_array_equal(run(runtime, write_int8(quantized, form), images, REFERENCE), expected)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_hundred_heads_on_reference_kernels_agree_to_the_bit(runtime):
    for seed in range(100):
        head, images = random_head(seed)
        expected = integer_reference.run(head, images)
        np.testing.assert_array_equal(run(runtime, write_int8(head), images, REFERENCE), expected, str(seed))


def test_a_hundred_heads_on_litert_are_within_two_steps_and_nearly_all_exact():
    errors = []
    for seed in range(100):
        head, images = random_head(seed)
        expected = integer_reference.run(head, images, Form.XNNPACK).astype(int)
        got = run("ai_edge_litert", write_int8(head, Form.XNNPACK), images)
        errors.append(np.abs(got - expected).ravel())
    every = np.concatenate(errors)
    assert every.max() <= 2
    assert np.mean(every == 0) >= 0.998


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kernels", [DEFAULT, BUILTIN])
def test_single_blocks_on_other_kernels_stay_close(runtime, form, kernels):
    errors = []
    for seed in range(10):
        head, images = random_head(seed)
        blocks = len(head.network.blocks)
        before = integer_reference.run(head.head(blocks - 1), images) if blocks > 1 else images
        block = head.slice(blocks - 1, blocks)
        expected = integer_reference.run(block, before, form, Kernels.REFERENCE).astype(int)
        errors.append(np.abs(run(runtime, write_int8(block, form), before, kernels) - expected).ravel())
    every = np.concatenate(errors)
    assert every.max() <= 4
    assert np.mean(every <= 1) >= 0.99


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("seed", range(8))
def test_the_integers_mean_what_the_floats_say(form, seed):
    network, weights, ranges, batch = case(TINY.network(TINY.sample(np.random.default_rng(seed))), seed)
    head = quantize(network, weights, ranges).head(3)
    stored = integer_reference.run(head, quantize_array(batch, head.input), form)
    expected = float_reference.run(network.head(3), weights, batch)
    assert sqnr(expected, dequantize_array(stored, head.output)) > 20


@pytest.mark.parametrize("kernels", Kernels)
def test_a_batch_is_its_samples(kernels):
    quantized, images = random_case(7)
    whole = integer_reference.run(quantized, images, kernels=kernels)
    for index in range(len(images)):
        alone = integer_reference.run(quantized, images[index : index + 1], kernels=kernels)
        np.testing.assert_array_equal(alone[0], whole[index])
