"""Batch norm for operators that share weights: of fewer channels than there are, it takes the first."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class PartialBatchNorm(nn.BatchNorm2d):
    """As torch's for all channels; statistics of channels that an operator lacks stay as they are."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(batch, channels, H, W) in and out."""
        channels = input.shape[1]
        if channels == self.num_features:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        return F.batch_norm(
            input, self.running_mean[:channels], self.running_var[:channels], self.weight[:channels],
            self.bias[:channels], self.training, self.momentum or 0.0, self.eps,
        )  # fmt: skip
