"""Devices that do not exist: drawn from the prior, with figures of every architecture asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nasc_search.fewshot.basis import Basis, Reach, basis_of
from nasc_search.fewshot.gaussian import noise_of, prior_from
from nasc_search.fewshot.known import shipped
from nasc_search.fewshot.layers import LAYERS
from nasc_search.measured.fbnet import SKIP
from nasc_search.measured.npz import SpaceName

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data"))
NB201_FILE = DATA / "nb201_latency_ms.npz"
FBNET_FILE = DATA / "fbnet_cifar100_latency_ms.npz"
with_data = pytest.mark.skipif(not NB201_FILE.exists(), reason="shared data not present")
FIVE = ("raspi4", "pixel3", "fpga", "titan_rtx_1", "silver_4210r")
DRAWS = 200


@dataclass(frozen=True)
class Device:
    """What a synthetic device's figures are made of."""

    basis: Basis
    reach: Reach
    scale: float
    noise: float
    coefficients: np.ndarray

    def exact(self, arch):
        return self.scale * (self.basis.features(arch, self.reach) @ self.coefficients)

    def measure(self, arch, rng):
        exact = self.exact(arch)
        return exact + rng.normal(size=len(exact)) * self.scale * noise_of(self.noise, exact / self.scale)


def known(space=SpaceName.NB201):
    return shipped(space).devices


def every_arch(space):
    """All cells, or 2,000 random networks of FBNet."""
    if space is SpaceName.NB201:
        return np.arange(15_625)
    return np.random.default_rng(1).integers(0, SKIP + 1, (2000, len(LAYERS)))


def draw(rng, space=SpaceName.NB201, reach=Reach.EVERY, noise=0.02, scale=7.0):
    """A device of the prior; drawn again while some network would take no time."""
    basis = basis_of(space)
    prior = prior_from(known(space), basis)
    features = basis.features(every_arch(space), reach)
    for _ in range(DRAWS):
        shared = rng.normal(size=len(prior.directions)) @ prior.directions
        coefficients = prior.mean + shared + rng.normal(size=len(prior.mean)) * prior.spread
        relative = features @ coefficients
        # Operators that save time: no device has them, but a normal distribution may say so. Cells of which nothing
        # runs take next to nothing.
        if relative.min() > (0.1 * relative.mean() if reach is Reach.EVERY else 0):
            return Device(basis, reach, scale, noise, coefficients)
    raise AssertionError(f"{DRAWS} draws held no device whose figures are all positive")
