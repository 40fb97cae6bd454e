"""Figures with intervals: what is inferred, how sure it is, and what is no sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasc_sdk.cost.model import Z95
from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.gaussian import noise_of
from nasc_search.fewshot.predictor import NOISES, Figures, fit_samples, mixture
from nasc_search.measured.npz import SpaceName
from tests.fewshot.devices import draw, every_arch, known

SPACES = list(SpaceName)


def fit(truth, rows, rng):
    return fit_samples(SpaceName.NB201, known(), rows, truth.measure(rows, rng))


def sampled(seed, count, **kind):
    rng = np.random.default_rng(seed)
    truth = draw(rng, **kind)
    rows = rng.choice(15_625, count + 300, replace=False)
    return truth, rows[:count], rows[count:], rng


@given(st.integers(0, 2**32 - 1))
def test_a_mixtures_moments_are_those_of_its_draws(seed):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(3))[:, None]
    means, variances = rng.normal(size=(3, 4)), rng.uniform(0.1, 2, (3, 4))
    mean, variance = mixture(weights, means, variances)
    assert mean == pytest.approx((weights * means).sum(axis=0))
    second = (weights * (variances + means**2)).sum(axis=0)
    assert variance == pytest.approx(second - mean**2)


def test_a_mixture_of_equals_is_one_of_them():
    mean, variance = mixture(np.array([[0.3], [0.7]]), np.full((2, 1), 4.0), np.full((2, 1), 9.0))
    assert (mean, variance) == (pytest.approx([4.0]), pytest.approx([9.0]))


def test_intervals_lie_around_the_mean_and_end_at_zero():
    figures = Figures(np.array([10.0, 1.0]), np.array([1.0, 1.0]), 2.0)
    assert figures.low.tolist() == [8.0, 0.0]
    assert figures.high.tolist() == [12.0, 3.0]


@pytest.mark.parametrize("reach", list(Reach))
def test_the_reach_is_found(reach):
    """Of ten devices of each kind; one may be mistaken. One cell in six tells what conversion left."""
    right = 0
    for seed in range(10):
        truth, rows, _, rng = sampled(seed, 60, reach=reach)
        belief = fit(truth, rows, rng).reach
        assert sum(belief.values()) == pytest.approx(1)
        right += max(belief, key=belief.__getitem__) is reach
    assert right >= 9


def test_without_a_sign_of_the_reach_the_known_devices_decide():
    """Cells whose operators all reach the output say nothing of what else would run."""
    truth, _, _, rng = sampled(0, 3)
    basis = truth.basis
    every, live = (basis.features(np.arange(15_625), reach) for reach in (Reach.EVERY, Reach.LIVE))
    rows = rng.choice(np.flatnonzero((every == live).all(axis=1)), 8, replace=False)
    assert fit(truth, rows, rng).reach == pytest.approx(basis.reaches, abs=1e-3)


@pytest.mark.parametrize("noise", [0.003, 0.02, 0.1])
def test_the_noise_is_found_within_a_factor_of_two(noise):
    cases = [sampled(seed, 50, noise=noise) for seed in range(5)]
    found = [fit(truth, rows, rng).noise for truth, rows, _, rng in cases]
    assert noise / 2 < np.median(found) < noise * 2
    assert noise in NOISES


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("count", [10, 20])
def test_intervals_hold_nine_of_ten_on_devices_of_the_prior(space, count):
    """Over 60 devices; single ones scatter, the mean does so by 0.015."""
    rng, arch, coverage = np.random.default_rng(7), every_arch(space), []
    for _ in range(60):
        truth = draw(rng, space, noise=float(rng.choice([0.003, 0.01, 0.02, 0.05])))
        rows = rng.choice(len(arch), count + 300, replace=False)
        values = truth.measure(arch[rows], rng)
        figures = fit_samples(space, known(space), arch[rows[:count]], values[:count]).predict(arch[rows[count:]])
        inside = (figures.low <= values[count:]) & (values[count:] <= figures.high)
        coverage.append(inside.mean())
    assert 0.85 < np.mean(coverage) < 0.965


def test_more_samples_make_surer_and_closer():
    errors, widths = [], []
    for count in (5, 20, 80):
        truth, rows, rest, rng = sampled(1, count, noise=0.01)
        figures = fit(truth, rows, rng).predict(rest)
        errors.append(np.mean(np.abs(figures.mean / truth.exact(rest) - 1)))
        widths.append(np.mean(figures.deviation / figures.mean))
    assert errors == sorted(errors, reverse=True)
    assert widths == sorted(widths, reverse=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_neither_order_nor_unit_of_samples_matters(seed, unit):
    truth, rows, rest, rng = sampled(2, 10)
    values = truth.measure(rows, rng)
    order = np.random.default_rng(seed).permutation(len(rows))
    one = fit_samples(SpaceName.NB201, known(), rows, values).predict(rest)
    other = fit_samples(SpaceName.NB201, known(), rows[order], unit * values[order]).predict(rest)
    for left, right in ((one.mean, other.mean), (one.low, other.low), (one.high, other.high)):
        assert right == pytest.approx(unit * left, rel=1e-5, abs=1e-6 * unit)


def test_the_factor_is_of_samples_that_nothing_knew():
    """Neither a component nor its weight has seen the sample that is left out: written out, one by one."""
    truth, rows, _, rng = sampled(4, 10, reach=Reach.CONVERTED)
    values = truth.measure(rows, rng)
    predictor = fit_samples(SpaceName.NB201, known(), rows, values)
    assert len(predictor.components) > 1
    scores = []
    for at in range(10):
        parts = [unseen(predictor, reach, component, values, at) for reach, component, _ in predictor.components]
        weights, means, variances = np.array(parts).T
        weights = np.exp(weights - weights.max())
        mean, variance = mixture(weights / weights.sum(), means, variances)
        scores.append(abs(values[at] - mean) / np.sqrt(variance))
    # The largest of ten; the normal distribution's factor counts as five samples.
    assert predictor.factor == pytest.approx(max(scores) ** (2 / 3) * Z95 ** (1 / 3), rel=1e-6)


def unseen(predictor, reach, component, values, at):
    """Log weight without one sample, and mean and variance of that one."""
    prior, rows = predictor.prior, component.rows
    mean = rows @ prior.mean
    covariance = prior.covariance(rows, rows) + np.diag(noise_of(component.noise, mean) ** 2)
    deviation, others = values / component.scale - mean, np.arange(len(values)) != at
    rest, cross = covariance[np.ix_(others, others)], covariance[at, others]
    solved = np.linalg.solve(rest, np.column_stack([deviation[others], cross]))
    quadratic = deviation[others] @ solved[:, 0] + np.linalg.slogdet(rest)[1]
    weight = np.log(predictor.basis.reaches[reach]) - 0.5 * quadratic - others.sum() * np.log(component.scale)
    variance = covariance[at, at] - cross @ solved[:, 1]
    return weight, component.scale * (mean[at] + cross @ solved[:, 0]), component.scale**2 * variance


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -1.0])
def test_a_sample_that_is_no_time_is_refused(bad):
    with pytest.raises(InputError, match="positive, finite"):
        fit_samples(SpaceName.NB201, known(), np.arange(4), np.array([1.0, 2.0, bad, 3.0]))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_samples_are_refused(count):
    with pytest.raises(InputError, match=f"{count} samples; at least 3"):
        fit_samples(SpaceName.NB201, known(), np.arange(count), np.ones(count))


def test_one_network_measured_again_and_again_is_no_reason_to_fail():
    figures = fit_samples(SpaceName.NB201, known(), np.zeros(5, int), np.full(5, 3.0)).predict(np.arange(10))
    assert np.isfinite(figures.mean).all()
    assert figures.mean[0] == pytest.approx(3.0, rel=0.01)
    assert (figures.low <= figures.mean).all()
    assert (figures.mean <= figures.high).all()
