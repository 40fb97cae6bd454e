"""The yardsticks do what their names say."""

import numpy as np
import pytest

from nasc_search.fewshot.baselines import BASELINES, Samples, flops, layer_sum, operator_ridge
from nasc_search.fewshot.basis import Reach, basis_of
from nasc_search.fewshot.gaussian import prior_from
from nasc_search.measured.npz import SpaceName
from tests.fewshot.devices import draw, every_arch, known

SPACES = list(SpaceName)


def samples(space, count=10, values=None):
    basis, arch = basis_of(space), every_arch(space)[:count]
    if values is None:
        values = draw(np.random.default_rng(0), space).exact(arch)
    return Samples(basis, known(space), arch, values)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", BASELINES)
def test_each_predicts_every_architecture(space, name):
    arch = every_arch(space)[100:130]
    found = BASELINES[name](samples(space), arch)
    assert found.shape == (30,)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("space", SPACES)
def test_flops_is_exact_where_latency_is_a_line(space):
    basis, arch = basis_of(space), every_arch(space)
    line = 3.0 + 2e-8 * basis.macs(arch)
    assert flops(samples(space, values=line[:10]), arch[50:80]) == pytest.approx(line[50:80])


def test_ridge_is_the_augmented_least_squares():
    given = samples(SpaceName.NB201)
    rows = given.basis.operators(given.arch)
    # A constant that is not penalised, and a row of sqrt(penalty) for each kind.
    system = np.vstack([np.column_stack([np.ones(10), rows]), np.column_stack([np.zeros(4), np.sqrt(0.5) * np.eye(4)])])
    found, *_ = np.linalg.lstsq(system, np.append(given.values, np.zeros(4)), rcond=None)
    arch = np.arange(100, 120)
    wanted = found[0] + given.basis.operators(arch) @ found[1:]
    assert operator_ridge(given, arch) == pytest.approx(wanted)


@pytest.mark.parametrize("space", SPACES)
def test_layer_sum_is_exact_for_a_multiple_of_the_mean_device(space):
    basis, arch = basis_of(space), every_arch(space)[:60]
    sums = basis.features(arch, Reach.EVERY) @ prior_from(known(space), basis).mean
    assert layer_sum(samples(space, values=7 * sums[:10]), arch) == pytest.approx(7 * sums)


def test_flops_of_networks_of_equal_work_is_their_mean():
    basis = basis_of(SpaceName.NB201)
    macs = basis.macs(np.arange(15_625))
    alike = np.flatnonzero(macs == np.median(macs))[:4]
    given = Samples(basis, known(), alike, np.array([1.0, 2.0, 3.0, 6.0]))
    assert flops(given, np.arange(5)) == pytest.approx(np.full(5, 3.0))
