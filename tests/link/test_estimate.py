"""The passive estimator gives back the link that made the transfers."""

import random
import statistics

import pytest

from nasc_sdk.link.estimate import LinkEstimator
from nasc_sdk.link.link import Link


def feed(estimator, link, *, start=0.0, count=30, payload=12_500, jitter=0.0, seed=1):
    rng = random.Random(seed)
    for index in range(count):
        now = start + index * 0.1
        if estimator.wants_ping(now) or index % 5 == 0:
            estimator.ping(now, link.round_trip_ms[0] + rng.random() * jitter)
        estimator.transfer(now, payload, float(link.transfer_ms(payload)[0]) + rng.random() * jitter)
    return start + count * 0.1


@pytest.mark.parametrize(("rate", "round_trip"), [(50, 2), (1, 60), (100, 0.2), (5, 300)])
def test_estimates_predict_the_transfers_they_came_from(rate, round_trip):
    estimator, link = LinkEstimator(), Link.fixed(rate, round_trip)
    assert estimator.link() is None
    feed(estimator, link, jitter=0.1)
    estimated = estimator.link()
    assert estimated.loss == 0
    for payload in (3_000, 12_500, 50_000):
        expected = float(link.transfer_ms(payload)[0])
        assert estimated.transfer_quantile_ms(payload, 50) == pytest.approx(expected, rel=0.1, abs=0.2)


def test_follows_the_link_down_and_up_again():
    estimator, now = LinkEstimator(), 0.0
    for rate, round_trip in ((50, 2), (1, 60), (50, 2)):
        start, now = now, feed(estimator, Link.fixed(rate, round_trip), start=now)
        estimator.restart(start)
        link = estimator.link()
        assert len(link.throughput_mbit_s) > 20
        assert statistics.median(link.throughput_mbit_s) == pytest.approx(rate, rel=0.1)
        assert statistics.median(link.round_trip_ms) == pytest.approx(round_trip, rel=0.1)


def test_small_payloads_leave_the_throughput_alone():
    estimator = LinkEstimator()
    feed(estimator, Link.fixed(20, 10))
    for index in range(20):
        sample = estimator.transfer(10 + index, 64, 10.0 + 0.02)
        assert not sample.informative
        assert sample.throughput_mbit_s == pytest.approx(20, rel=0.05)
    assert estimator.throughput_mbit_s == pytest.approx(20, rel=0.05)


def test_a_transfer_faster_than_the_round_trip_asks_for_a_ping():
    estimator = LinkEstimator()
    feed(estimator, Link.fixed(1, 60))
    assert not estimator.wants_ping(2.95)
    sample = estimator.transfer(2.95, 12_500, 4.0)
    assert not sample.informative
    assert estimator.wants_ping(2.95)
    estimator.ping(2.96, 2.0)
    assert estimator.round_trip_ms == pytest.approx(2, abs=0.2)
    assert estimator.transfer(2.97, 12_500, 4.0).throughput_mbit_s == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("elapsed", [0.0, -5.0, 1e-9, float("nan"), float("inf"), 1e12])
def test_strange_times_do_no_harm(elapsed):
    estimator = LinkEstimator()
    feed(estimator, Link.fixed(50, 2))
    estimator.transfer(9.0, 12_500, elapsed)
    estimator.ping(9.1, elapsed)
    estimator.transfer(9.2, 0, 5.0)
    assert estimator.link() is not None


def test_timeouts_pull_the_throughput_down_and_count_as_loss():
    estimator = LinkEstimator()
    feed(estimator, Link.fixed(50, 2), count=10)
    sample = estimator.timeout(2.0, 12_500, 1000.0)
    assert sample.throughput_mbit_s == pytest.approx(0.1)
    assert not sample.answered
    assert 0 < estimator.link().loss < 0.1
    assert estimator.wants_ping(2.0)


def test_a_timeout_before_anything_else():
    estimator = LinkEstimator()
    assert estimator.timeout(0.0, 12_500, 1000.0).throughput_mbit_s == pytest.approx(0.1)
    assert estimator.link().loss == 1


def test_restart_forgets_pairs_of_which_one_half_is_older():
    """One pair of an old throughput and a new round trip would be the p95 of a young window."""
    estimator = LinkEstimator()
    now = feed(estimator, Link.fixed(1, 60))
    half = estimator.ping(now, 1.0)
    assert (half.throughput_mbit_s, half.round_trip_ms) == (pytest.approx(1, rel=0.1), 1.0)
    feed(estimator, Link.fixed(50, 1), start=now + 0.1, count=8)
    estimator.restart(now)
    link = estimator.link()
    assert min(link.throughput_mbit_s) > 40
    assert max(link.round_trip_ms) < 2


def test_restart_of_everything_leaves_nothing():
    estimator = LinkEstimator()
    now = feed(estimator, Link.fixed(50, 2))
    estimator.restart(now + 1)
    assert estimator.link() is None
    assert estimator.throughput_mbit_s is None
    assert estimator.wants_ping(now + 1)


def test_window_is_bounded():
    estimator = LinkEstimator(window=8)
    feed(estimator, Link.fixed(50, 2), count=100)
    assert len(estimator.link().throughput_mbit_s) == 8
