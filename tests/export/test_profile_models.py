from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.export import integer_reference
from nasc_search.export.forms import Form
from nasc_search.export.profile_models import activations, block_item
from nasc_search.export.quantize import quantize, quantize_array
from tests.export.networks import TINY, case
from tests.export.runtimes import run


def test_every_block_is_fed_what_reaches_it():
    network, weights, ranges, batch = case(TINY.network(TINY.archs[5000]), 1)
    quantized = quantize(network, weights, ranges)
    at_cuts = activations(quantized, quantize_array(batch, quantized.input))
    assert len(at_cuts) == len(network.cuts)
    np.testing.assert_array_equal(at_cuts[-1], integer_reference.run(quantized, at_cuts[0]))
    for index in range(len(network.blocks)):
        block = quantized.slice(index, index + 1)
        model, sample = block_item(block, at_cuts[index][0], Form.XNNPACK)
        spec = block.network.input
        fed = np.frombuffer(sample, np.int8).reshape(1, spec.height, spec.width, spec.channels)
        got = run("ai_edge_litert", model, fed)
        assert np.abs(got.astype(int) - at_cuts[index + 1][:1]).max() <= 2


def test_activations_of_another_shape_are_refused():
    network, weights, ranges, batch = case(TINY.network(TINY.archs[5000]), 1)
    quantized = quantize(network, weights, ranges)
    stored = quantize_array(batch, quantized.input)
    for wrong in (stored, stored[0, 1:], batch[0]):
        with pytest.raises(InputError, match="not one int8 sample"):
            block_item(quantized.slice(0, 1), wrong, Form.BUILTIN)
