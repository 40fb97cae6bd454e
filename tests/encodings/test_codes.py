"""Codes in torch are the codes on the wire."""

import numpy as np
import pytest
import torch

from nasc_sdk.bundle import Quantization
from nasc_sdk.candidate import CutEncoding
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_search.encodings.blocks import bottleneck_codes
from nasc_search.encodings.codes import CodedCut, calibrated_codes
from tests.supernet.tasks import DENSE_CELL, SPACE

BLOCK = SPACE.network(DENSE_CELL).blocks[1]


@pytest.mark.parametrize("bits", [4, 2])
def test_training_sees_what_the_tail_gets(bits):
    values = np.random.default_rng(0).normal(size=(1, 5, 5, 4)).astype(np.float32)
    steps = calibrated_codes(values, bits)
    spec = type(BLOCK.input)(5, 5, 4)
    codec = CutCodec(Contract(1, spec, steps.scale, steps.zero_point, "0" * 16, CutEncoding(bits)))
    codes = np.clip(np.rint(values / steps.scale) + steps.zero_point, 0, 2**bits - 1).astype(np.uint8)
    received = codec.decode(codec.pack(codes), 1)
    coded = CodedCut(BLOCK.name, bits, steps)(BLOCK, torch.from_numpy(values))
    np.testing.assert_allclose(coded.numpy(), received, atol=1e-6)


def test_gradients_pass_through_and_other_blocks_do_not_change():
    values = torch.tensor([0.1, 1.9, 7.0], requires_grad=True)
    cut = CodedCut(BLOCK.name, 2, bottleneck_codes(2))
    cut(BLOCK, values).sum().backward()
    assert values.grad.tolist() == [1.0, 1.0, 0.0], "what is clipped has no gradient"
    assert CodedCut("another", 2, bottleneck_codes(2))(BLOCK, values) is values


def test_a_few_large_values_do_not_take_all_codes():
    values = np.concatenate([np.random.default_rng(0).normal(size=1000), [9.0]]).astype(np.float32)
    assert calibrated_codes(values, 2).scale < 0.6 * np.ptp(values) / 3
    assert calibrated_codes(np.zeros(4, np.float32), 4).scale > 0
    assert calibrated_codes(np.asarray([-1.0, 1.0], np.float32), 4) == Quantization(pytest.approx(2 / 15), 8)
