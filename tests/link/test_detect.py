"""The detector on synthetic AR(1) log-normal traces: the table of false alarms and delays."""

import numpy as np
import pytest

from nasc_sdk.link.detect import Detector, Sensitivity

LARGE_BYTES = 125_000
"""A payload that tells every throughput up to the fastest that matters."""


def ar1(rng, length, sigma, rho):
    noise = rng.normal(0, sigma * np.sqrt(1 - rho**2), length)
    values = np.empty(length)
    values[0] = rng.normal(0, sigma)
    for index in range(1, length):
        values[index] = rho * values[index - 1] + noise[index]
    return np.exp(values)


def follow(throughput, round_trip, step_s=0.5, payload_bytes=LARGE_BYTES, **options):
    """Indices at which a change was reported."""
    detector, changes = Detector(Sensitivity(**options)), []
    for index, (rate, trip) in enumerate(zip(throughput, round_trip, strict=True)):
        detector, first = detector.transferred(index * step_s, float(rate), payload_bytes)
        detector, second = detector.pinged(index * step_s, float(trip))
        changes += [(index, change) for change in (first, second) if change is not None]
    return changes


def trials(factor, *, quantity, traces=40, half=150, sigma=0.25, rho=0.6):
    """(false alarms per 1,000 samples, delays of the first report after the change)."""
    rng, false, delays = np.random.default_rng(7), 0, []
    for _ in range(traces):
        throughput = 20 * ar1(rng, 2 * half, sigma, rho)
        round_trip = 20 * ar1(rng, 2 * half, sigma / 2, rho)
        (throughput if quantity == "throughput" else round_trip)[half:] *= factor
        changes = follow(throughput, round_trip)
        false += sum(index < half for index, _ in changes)
        delays.append(next((index - half for index, _ in changes if index >= half), None))
    return 1000 * false / (traces * half), delays


@pytest.mark.parametrize(
    ("quantity", "factor"),
    [("throughput", 0.4), ("throughput", 2.5), ("round_trip", 2.5), ("round_trip", 0.4)],
)
def test_changes_are_seen_early_and_nothing_else(quantity, factor):
    false, delays = trials(factor, quantity=quantity)
    assert false <= 3
    assert None not in delays
    assert np.median(delays) <= 8
    assert np.percentile(delays, 95) <= 15


def test_demo_change_there_and_back():
    throughput = [50.0] * 30 + [1.0] * 20 + [50.0] * 20
    round_trip = [2.0] * 30 + [60.0] * 20 + [2.0] * 20
    changes = follow(throughput, round_trip)
    assert [index for index, _ in changes] == [32, 52]
    assert [change.since_s for _, change in changes] == [15.0, 25.0]


def test_cool_down_delays_the_second_report_but_does_not_lose_it():
    throughput = [50.0] * 30 + [1.0] * 20 + [50.0] * 60
    changes = follow(throughput, [2.0] * 110, cool_down_s=20)
    assert changes[0][0] == 32
    assert 72 <= changes[1][0] <= 76


def test_one_outlier_is_no_change():
    throughput = [50.0] * 30 + [0.01] + [50.0] * 30
    assert follow(throughput, [2.0] * 61) == []


def test_slow_drift_is_followed():
    throughput = 50 * np.exp(np.linspace(0, -1.0, 1000))
    assert follow(throughput, [2.0] * 1000) == []


def test_differences_that_matter_to_nobody():
    throughput = [20_000.0] * 30 + [60_000.0] * 30
    round_trip = [0.1] * 30 + [0.2] * 30
    assert follow(throughput, round_trip) == []


def test_requests_without_an_answer_need_fewer():
    detector = Detector()
    for index in range(20):
        detector, change = detector.transferred(index, 50.0, LARGE_BYTES)
        assert change is None
    seen = []
    for index in range(20, 24):
        detector, change = detector.transferred(index, 0.1, LARGE_BYTES, answered=False)
        seen.append(change is not None)
    assert seen.index(True) == 1


def test_half_of_the_old_link_in_the_first_samples_is_no_second_change():
    """The first pairs after a change may hold an old throughput beside a new round trip."""
    throughput = [1.0] * 30 + [1.0] * 2 + [50.0] * 100
    round_trip = [60.0] * 30 + [1.0] * 102
    changes = follow(throughput, round_trip, cool_down_s=0)
    assert [index for index, _ in changes] == [32]
    assert changes[0][1].since_s == 15.0


def test_a_hiccup_is_no_change_however_many_samples_it_holds():
    """Ten requests in a row that a machine delayed: a twentieth of a second of a link that is what it was."""
    throughput = [60.0] * 100 + [20.0] * 10 + [60.0] * 100
    round_trip = [2.7] * 100 + [6.0] * 10 + [2.7] * 100
    assert follow(throughput, round_trip, step_s=0.005) == []
    assert follow([60.0] * 100 + [20.0] * 100, [2.7] * 100 + [6.0] * 100, step_s=0.005)


def test_what_machines_add_to_a_small_payload_is_no_change():
    """0.85 ms on the wire, and up to a millisecond of a busy machine beside them for seconds on end."""
    payload_bytes, rng = 5283, np.random.default_rng(3)
    busy = np.repeat(rng.uniform(0.0, 1.0, 20), 30) + rng.uniform(0.0, 0.3, 600)
    throughput = payload_bytes * 8e-3 / (0.85 + busy)
    assert throughput.max() > 2 * throughput.min()
    assert follow(throughput, [2.5] * 600, step_s=0.01, payload_bytes=payload_bytes) == []
    worse = np.concatenate([throughput, payload_bytes * 8e-3 / (42.3 + busy)])
    changes = follow(worse, [2.5] * 1200, step_s=0.1, payload_bytes=payload_bytes)
    assert [index for index, _ in changes] == [602]


def test_one_odd_transfer_does_not_count_again_with_every_ping():
    detector = Detector()
    for index in range(20):
        detector, _ = detector.transferred(index, 50.0, LARGE_BYTES)
        detector, _ = detector.pinged(index, 2.0)
    detector, _ = detector.transferred(20.0, 2.0, LARGE_BYTES)
    for index in range(10):
        detector, change = detector.pinged(20.1 + index / 10, 2.0)
        assert change is None
