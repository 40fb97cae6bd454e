"""The closed forms against ways that take longer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Reach, basis_of
from nasc_search.fewshot.gaussian import SCALE_SD, Prior, condition, left_out, noise_of, prior_from
from nasc_search.fewshot.known import KnownDevice
from nasc_search.measured.npz import SpaceName
from tests.fewshot.devices import draw, known

seeds = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=25, deadline=None)


def a_prior(rng, features=6):
    return Prior(
        rng.uniform(0.1, 0.4, features), 0.1 * rng.normal(size=(3, features)), rng.uniform(0.01, 0.05, features)
    )


def a_case(seed, count=8, features=6):
    rng = np.random.default_rng(seed)
    prior = a_prior(rng, features)
    rows = rng.integers(0, 4, (count, features)).astype(float)
    rows[:, 0] = 1
    return rng, prior, rows, 5.0 * (rows @ prior.mean) * rng.lognormal(0, 0.2, count)


def coefficient_covariance(prior):
    scale = SCALE_SD * prior.mean
    return prior.directions.T @ prior.directions + np.outer(scale, scale) + np.diag(prior.spread**2)


@FEW
@given(seeds)
def test_prior_variance_of_figures_is_that_of_coefficients(seed):
    _, prior, rows, _ = a_case(seed)
    wanted = rows @ coefficient_covariance(prior) @ rows.T
    assert prior.covariance(rows, rows) == pytest.approx(wanted)
    assert prior.variance(rows) == pytest.approx(np.diag(wanted))


@FEW
@given(seeds, st.sampled_from([0.003, 0.02, 0.1]))
def test_the_posterior_is_that_of_bayesian_regression_on_coefficients(seed, noise):
    rng, prior, rows, values = a_case(seed)
    component = condition(prior, rows, values, noise)
    weight = np.diag(1 / noise_of(noise, rows @ prior.mean) ** 2)
    before = np.linalg.inv(coefficient_covariance(prior))
    covariance = np.linalg.inv(before + rows.T @ weight @ rows)
    coefficients = covariance @ (before @ prior.mean + rows.T @ weight @ values / component.scale)
    new = rng.integers(0, 4, (5, rows.shape[1])).astype(float)
    mean, variance = component.predict(prior, new)
    assert mean == pytest.approx(component.scale * (new @ coefficients), rel=1e-6)
    added = noise_of(noise, new @ prior.mean) ** 2
    wanted = component.scale**2 * (np.einsum("ij,jk,ik->i", new, covariance, new) + added)
    assert variance == pytest.approx(wanted, rel=1e-5)


@FEW
@given(seeds)
def test_evidence_is_the_density_of_the_samples(seed):
    """Sample by sample, each given those before; the constant of the normal density is left out."""
    _, prior, rows, values = a_case(seed)
    component = condition(prior, rows, values, 0.05)
    mean = rows @ prior.mean
    covariance = prior.covariance(rows, rows) + np.diag(noise_of(0.05, mean) ** 2)
    deviation = values / component.scale - mean
    total = 0.0
    for at in range(len(values)):
        gain = np.linalg.solve(covariance[:at, :at], covariance[:at, at]) if at else np.zeros(0)
        variance = covariance[at, at] - gain @ covariance[:at, at]
        total -= 0.5 * ((deviation[at] - gain @ deviation[:at]) ** 2 / variance + np.log(variance))
    assert component.evidence == pytest.approx(total - len(values) * np.log(component.scale), rel=1e-6, abs=1e-6)


@FEW
@given(seeds, st.sampled_from([0.003, 0.02, 0.1]))
def test_left_out_is_what_the_others_predict(seed, noise):
    """At the scale of all samples."""
    _, prior, rows, values = a_case(seed)
    component = condition(prior, rows, values, noise)
    means, variances = left_out(component, values)
    for at in range(len(values)):
        others = np.arange(len(values)) != at
        mean, variance = predict_at_scale(prior, rows[others], values[others], noise, component.scale, rows[[at]])
        assert means[at] == pytest.approx(mean, rel=1e-6)
        assert variances[at] == pytest.approx(variance, rel=1e-6)


def predict_at_scale(prior, rows, values, noise, scale, new):
    """Conditioning written out, at a given scale."""
    covariance = prior.covariance(rows, rows) + np.diag(noise_of(noise, rows @ prior.mean) ** 2)
    cross = prior.covariance(new, rows)
    solved = np.linalg.solve(covariance, cross.T)
    mean = new @ prior.mean + (values / scale - rows @ prior.mean) @ solved
    variance = prior.covariance(new, new) - cross @ solved + noise_of(noise, new @ prior.mean) ** 2
    return scale * mean[0], scale**2 * variance[0, 0]


@FEW
@given(seeds, st.floats(1e-3, 1e3))
def test_the_unit_of_the_samples_does_not_matter(seed, unit):
    rng, prior, rows, values = a_case(seed)
    new = rng.integers(0, 4, (5, rows.shape[1])).astype(float)
    mean, variance = condition(prior, rows, values, 0.02).predict(prior, new)
    scaled, scaled_variance = condition(prior, rows, unit * values, 0.02).predict(prior, new)
    assert scaled == pytest.approx(unit * mean, rel=1e-6)
    assert scaled_variance == pytest.approx(unit**2 * variance, rel=1e-6)


def test_an_added_sample_never_makes_less_sure():
    """Of the networks' own figures, at one scale: the variance given a part is no less than given all."""
    _, prior, rows, values = a_case(3, count=12)
    new = np.random.default_rng(0).integers(0, 4, (20, rows.shape[1])).astype(float)
    before = np.full(len(new), np.inf)
    for count in range(3, 13):
        component = condition(prior, rows[:count], values[:count], 0.02)
        variance = component.predict(prior, new)[1] / component.scale**2
        assert (variance <= before + 1e-12).all()
        before = variance


def test_noise_is_in_proportion_with_a_floor():
    assert noise_of(0.02, np.array([2.0, 0.5, 0.01, -1.0])) == pytest.approx([0.04, 0.01, 0.002, 0.002])


def device(name, family, coefficients):
    return KnownDevice(name, family, Reach.EVERY, 1.0, 0.01, np.asarray(coefficients, float))


def test_a_family_of_four_weighs_as_two_devices():
    basis = basis_of(SpaceName.NB201)
    size = len(basis.names)
    family = [device(f"a{n}", "a", np.ones(size)) for n in range(4)]
    prior = prior_from([*family, device("b", "b", np.full(size, 4.0))], basis)
    # Four devices of weight 1/2 against one of weight 1: 2/3 and 1/3.
    assert prior.mean == pytest.approx(np.full(size, 2.0))
    known_directions, work = prior.directions[:-1], prior.directions[-1]
    assert known_directions.T @ known_directions == pytest.approx(np.full((size, size), 2 / 3 * 1 + 1 / 3 * 4))
    assert work == pytest.approx(basis.work)
    assert prior.spread is basis.spread


def test_no_device_no_prior():
    with pytest.raises(InputError, match="at least one known device"):
        prior_from([], basis_of(SpaceName.NB201))


def test_a_thoroughly_measured_device_is_found_again():
    rng = np.random.default_rng(0)
    truth = draw(rng, noise=0.001)
    rows = rng.choice(15_625, 600, replace=False)
    prior = prior_from(known(), truth.basis)
    features = truth.basis.features(rows, truth.reach)
    component = condition(prior, features[:400], truth.measure(rows[:400], rng), 0.001)
    mean, _ = component.predict(prior, features[400:])
    assert mean == pytest.approx(truth.exact(rows[400:]), rel=0.01)
