"""Which architectures are measured next."""

import numpy as np
import pytest

from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.choose import choose
from nasc_search.fewshot.predictor import fit_samples
from nasc_search.measured.npz import SpaceName
from tests.fewshot.devices import draw, every_arch, known


def chosen(truth, arch, count, seed=0, asked=None):
    values = truth.measure(arch, np.random.default_rng(5))

    def measure(row):
        if asked is not None:
            asked.append(row)
        return float(values[row])

    space = truth.basis.space
    return choose(space, known(space), arch, count, measure, np.random.default_rng(seed)), values


@pytest.mark.parametrize("space", list(SpaceName))
def test_each_is_another_one_and_measured_once(space):
    truth, asked = draw(np.random.default_rng(0), space), []
    rows, _ = chosen(truth, every_arch(space), 12, asked=asked)
    assert len(set(rows.tolist())) == 12
    assert asked == rows.tolist()


def test_the_seed_decides():
    truth = draw(np.random.default_rng(0))
    arch = every_arch(SpaceName.NB201)
    one, other, third = (chosen(truth, arch, 5, seed)[0].tolist() for seed in (1, 1, 2))
    assert one == other
    assert one != third


def test_a_small_pool_is_measured_whole():
    truth = draw(np.random.default_rng(0))
    rows, _ = chosen(truth, np.arange(100, 107), 20)
    assert sorted(rows.tolist()) == list(range(7))


def test_more_than_the_usual_number_of_candidates(monkeypatch):
    """The bound on candidates is for speed, not for how many may be asked for."""
    monkeypatch.setattr("nasc_search.fewshot.choose._CANDIDATES", 8)
    truth = draw(np.random.default_rng(0))
    rows, _ = chosen(truth, every_arch(SpaceName.NB201), 12)
    assert len(set(rows.tolist())) == 12


def test_chosen_samples_make_surer_than_random_ones():
    rng, arch = np.random.default_rng(0), every_arch(SpaceName.NB201)
    ours, theirs = [], []
    for _ in range(8):
        truth = draw(rng, noise=0.01)
        rows, values = chosen(truth, arch, 8)
        other = rng.choice(len(arch), 8, replace=False)
        exact = truth.exact(arch)
        for errors, at in ((ours, rows), (theirs, other)):
            figures = fit_samples(SpaceName.NB201, known(), arch[at], values[at]).predict(arch)
            errors.append(np.mean(np.abs(figures.mean / exact - 1)))
    assert np.mean(ours) < np.mean(theirs)


def test_what_the_device_runs_is_asked_early():
    """Five samples settle it: without looking for disagreement they leave one doubt in six."""
    right = 0
    for seed in range(6):
        truth = draw(np.random.default_rng(seed), reach=Reach.CONVERTED)
        arch = every_arch(SpaceName.NB201)
        rows, values = chosen(truth, arch, 5)
        right += fit_samples(SpaceName.NB201, known(), arch[rows], values[rows]).reach[Reach.CONVERTED] > 0.95
    assert right >= 5
