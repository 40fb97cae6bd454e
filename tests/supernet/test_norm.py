"""Batch norm of fewer channels is torch's own of these channels."""

import pytest
import torch
from torch import nn

from nasc_search.supernet.norm import PartialBatchNorm


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_it_is_torchs_of_the_first_channels_and_leaves_the_others(channels):
    generator = torch.Generator().manual_seed(channels)
    partial, plain = PartialBatchNorm(5), nn.BatchNorm2d(channels)
    with torch.no_grad():
        for name in ("weight", "bias"):
            values = torch.rand(5, generator=generator)
            getattr(partial, name).copy_(values)
            getattr(plain, name).copy_(values[:channels])
    for training in (True, True, False):
        x = torch.randn(4, channels, 3, 2, generator=generator)
        torch.testing.assert_close(partial.train(training)(x), plain.train(training)(x))
    torch.testing.assert_close(partial.running_mean[:channels], plain.running_mean)
    torch.testing.assert_close(partial.running_var[:channels], plain.running_var)
    assert partial.running_mean[channels:].tolist() == [0.0] * (5 - channels)
    assert partial.running_var[channels:].tolist() == [1.0] * (5 - channels)
