"""Supernets for tests of what they compute."""

import torch
from torch import nn

from nasc_search.supernet.model import Supernet


def shaken(space, seed=0):
    """A supernet whose gains, shifts and biases are not what they start as."""
    supernet = Supernet(space, seed)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in supernet.named_parameters():
        if name.endswith(("norm.weight", "bias")):
            nn.init.uniform_(parameter, 0.5, 1.5, generator=generator)
    return supernet.train()
