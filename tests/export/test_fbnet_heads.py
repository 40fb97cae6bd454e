"""Heads of random FBNet architectures: groups, 5x5 depthwise at stride 2, skips, on both runtimes."""

from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.ir.network import OpKind, TensorSpec
from nasc_search.export import float_reference, integer_reference
from nasc_search.export.arena import arena_bytes
from nasc_search.export.float_writer import write_float
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels
from nasc_search.export.quantize import dequantize_array, quantize, quantize_array
from nasc_search.export.simplify import simplify
from nasc_search.export.writer import write_int8
from nasc_search.joint.memory import FILE_BYTES, activation_bytes, model_bytes
from nasc_search.measured.fbnet import OPS, SKIP
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from tests.export.networks import case
from tests.export.runtimes import DEFAULT, REFERENCE, RUNTIMES, run, sqnr

# One layer of stride 1 whose shape stays, one whose channels change, two of stride 2, odd sides on the way.
SPACE = FBNetSpace(FBNetMacro(TensorSpec(11, 13, 3), 4, 0.25, (1, 2, 1, 2, 0, 0, 0), strides=(1, 1, 2, 2, 1, 1, 1)))
HEADS = 40


def random_head(seed):
    """A head at a random cut; the last one is the whole network."""
    rng = np.random.default_rng(seed)
    network, weights, ranges, batch = case(SPACE.network(SPACE.sample(rng)), seed)
    quantized = quantize(network, weights, ranges)
    head = quantized.head(int(rng.integers(1, len(network.blocks) + 1)))
    return head, quantize_array(batch, quantized.input)


def test_the_heads_hold_what_they_are_for():
    ops = [op for seed in range(HEADS) for _, op in random_head(seed)[0].network.ops()]
    assert any(op.kind is OpKind.DEPTHWISE and (op.kernel, op.stride) == (5, 2) for op in ops)
    assert any(op.shuffled for op in ops)
    assert any(op.groups == 2 and not op.shuffled for op in ops)
    assert any(op.kind is OpKind.CONV and (op.kernel, op.stride) == (1, 2) for op in ops)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_heads_on_reference_kernels_agree_to_the_bit(runtime):
    for seed in range(HEADS):
        head, images = random_head(seed)
        form = list(Form)[seed % 2]
        expected = integer_reference.run(head, images, form, Kernels.REFERENCE)
        np.testing.assert_array_equal(run(runtime, write_int8(head, form), images, REFERENCE), expected, str(seed))


def test_heads_on_litert_are_within_two_steps_and_nearly_all_exact():
    errors = []
    for seed in range(HEADS):
        head, images = random_head(seed)
        expected = integer_reference.run(head, images, Form.XNNPACK).astype(int)
        got = run("ai_edge_litert", write_int8(head, Form.XNNPACK), images)
        errors.append(np.abs(got - expected).ravel())
    every = np.concatenate(errors)
    assert every.max() <= 2
    assert np.mean(every == 0) >= 0.998


@pytest.mark.parametrize("op", range(len(OPS)), ids=OPS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_operator_in_float_is_the_network(runtime, op):
    network, weights, _, batch = case(SPACE.network(str(op) * len(SPACE.layers)), op)
    expected = float_reference.run(network, weights, batch)
    got = run(runtime, write_float(network, weights), batch, DEFAULT)
    np.testing.assert_allclose(got, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("op", range(len(OPS)), ids=OPS)
def test_the_integers_mean_what_the_floats_say(op):
    network, weights, ranges, batch = case(SPACE.network(str(op) * len(SPACE.layers)), op)
    head = quantize(network, weights, ranges).head(4)
    stored = integer_reference.run(head, quantize_array(batch, head.input))
    expected = float_reference.run(network.head(4), weights, batch)
    assert sqnr(expected, dequantize_array(stored, head.output)) > 20


def test_a_head_that_ends_in_nothing_runs():
    """A skip that keeps its shape, alone in a slice: what crosses the cut is what came in."""
    network, weights, ranges, batch = case(SPACE.network(str(SKIP) * len(SPACE.layers)), 3)
    quantized = quantize(network, weights, ranges)
    alone = quantized.slice(3, 4)
    stored = integer_reference.run(quantized.head(3), quantize_array(batch, quantized.input))
    assert network.blocks[3].ops == ()
    for runtime in RUNTIMES:
        np.testing.assert_array_equal(run(runtime, write_int8(alone), stored, REFERENCE), stored)


def test_memory_estimates_know_what_is_written_of_groups_and_of_the_global_pool():
    for seed in range(20):
        head, _ = random_head(seed)
        blocks = simplify(head.network).blocks
        estimate = FILE_BYTES + sum(map(model_bytes, blocks))
        assert estimate == pytest.approx(len(write_int8(head)), rel=0.02, abs=300)
        assert max(map(activation_bytes, blocks)) == arena_bytes(head)
