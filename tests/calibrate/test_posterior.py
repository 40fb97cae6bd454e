import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasc_search.calibrate.posterior import condition


def case(seed, unknowns=4, measurements=7):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(unknowns, unknowns))
    mean, covariance = rng.normal(size=unknowns), root @ root.T + 0.1 * np.eye(unknowns)
    rows, noise = rng.normal(size=(measurements, unknowns)), rng.uniform(0.1, 1.0, measurements)
    return mean, covariance, rows, rng.normal(size=measurements), noise


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_equals_the_information_form(seed):
    mean, covariance, rows, values, noise = case(seed)
    found = condition(mean, covariance, rows, values, noise)
    precision = np.linalg.inv(covariance) + rows.T @ (rows / noise[:, None] ** 2)
    expected = np.linalg.solve(precision, np.linalg.solve(covariance, mean) + rows.T @ (values / noise**2))
    assert found.mean == pytest.approx(expected, abs=1e-6)
    assert found.covariance == pytest.approx(np.linalg.inv(precision), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 6))
def test_left_out_equals_a_posterior_without_the_measurement(seed, out):
    mean, covariance, rows, values, noise = case(seed)
    found = condition(mean, covariance, rows, values, noise)
    kept = np.delete(np.arange(7), out)
    without = condition(mean, covariance, rows[kept], values[kept], noise[kept])
    assert found.left_out[out] == pytest.approx(rows[out] @ without.mean, abs=1e-6)
    expected = np.sqrt(rows[out] @ without.covariance @ rows[out] + noise[out] ** 2)
    assert found.left_out_sd[out] == pytest.approx(expected, abs=1e-6)


def test_evidence_is_the_density_of_the_measurements():
    mean, covariance, rows, values, noise = case(3)
    found = condition(mean, covariance, rows, values, noise)
    spread = rows @ covariance @ rows.T + np.diag(noise**2)
    gap = values - rows @ mean
    expected = -0.5 * (gap @ np.linalg.solve(spread, gap) + np.linalg.slogdet(spread)[1])
    assert found.evidence == pytest.approx(expected)


def test_nothing_measured_leaves_the_prior():
    mean, covariance, rows, values, noise = case(4)
    found = condition(mean, covariance, rows[:0], values[:0], noise[:0])
    assert found.mean == pytest.approx(mean)
    assert found.covariance == pytest.approx(covariance)
    assert (found.evidence, found.left_out.size) == (0.0, 0)
