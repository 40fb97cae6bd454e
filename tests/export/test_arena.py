from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.ir.network import INPUT, Block, BlockKind, Network, Op, OpKind, TensorSpec
from nasc_search.export.arena import arena_bytes
from nasc_search.export.forms import Form
from nasc_search.export.quantize import quantize
from tests.export.networks import case, random_network


def arena(network, form=Form.BUILTIN):
    network, weights, ranges, _ = case(network, 0)
    return arena_bytes(quantize(network, weights, ranges), form)


def chain(*ops, output, size=8):
    return Network("chain", (Block("b", BlockKind.CELL, TensorSpec(size, size, 4), ops, output),))


def conv(source, output):
    return Op(OpKind.CONV, (source,), output, TensorSpec(8, 8, 4), 3, param=output)


def test_a_chain_needs_two_tensors_at_once():
    assert arena(chain(conv(INPUT, "a"), conv("a", "b"), conv("b", "y"), output="y")) == 2 * 256


def test_a_tensor_that_is_read_later_stays():
    ops = (conv(INPUT, "a"), conv("a", "b"), Op(OpKind.ADD, ("b", INPUT), "y", TensorSpec(8, 8, 4)))
    assert arena(chain(*ops, output="y")) == 3 * 256


def test_the_padded_copy_of_a_form_counts():
    pool = chain(Op(OpKind.AVG_POOL, (INPUT,), "y", TensorSpec(8, 8, 4), 3), output="y")
    assert arena(pool, Form.BUILTIN) == 10 * 10 * 4 + 256
    assert arena(pool, Form.XNNPACK) == 2 * 256


def test_a_copy_needs_input_and_output():
    assert arena(chain(output=INPUT)) == 2 * 256


def most_alive(block):
    """Bytes of int8 activations alive at once: an operator's inputs and output, and what is read later."""
    last_read = {INPUT: -1, block.output: len(block.ops)}
    for index, op in enumerate(block.ops):
        for name in op.inputs:
            last_read[name] = max(last_read.get(name, -1), index)
    alive = {INPUT: block.input.elements}
    peak = block.input.elements
    for index, op in enumerate(block.ops):
        alive[op.output] = op.spec.elements
        peak = max(peak, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last_read.get(name, -1) > index}
    return peak


@pytest.mark.parametrize("seed", range(10))
def test_no_plan_beats_the_lower_bound_of_the_simplified_network(seed):
    network, weights, ranges, _ = case(random_network(np.random.default_rng(seed)), seed)
    quantized = quantize(network, weights, ranges)
    assert arena_bytes(quantized) >= max(map(most_alive, quantized.network.blocks))
