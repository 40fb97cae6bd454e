"""What lost segments do to requests: against the shaped line's arithmetic, and a real proxy."""

import random
from itertools import pairwise

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_sdk.link.retransmission import MIN_TIMEOUT_MS, SEGMENT_BYTES, window_segments
from nasc_sdk.link.shaped_line import Shape, ShapedLine
from tests.link.proxies import ask, connect, echoing, shaping

ANSWER_BYTES = 4


def requests_ms(payload_bytes, shape, count, seed=1):
    """Of one request after the other over both directions of a shaped line, on its own clock."""
    generator = random.Random(seed)
    lines = [(ShapedLine(rate, shape, generator), size) for rate, size in (
        (shape.rate_mbit, payload_bytes), (1000.0, ANSWER_BYTES)
    )]  # fmt: skip
    now_s, took = 0.0, []
    for _ in range(count):
        begun_s = now_s
        for line, size in lines:
            line.push(now_s, "a", bytes(size))
            left = size
            while left:
                now_s = line.next_s()
                left -= sum(len(data) for _, data in line.due(now_s))
        took.append(1000 * (now_s - begun_s))
        now_s += 0.001
    return np.asarray(took)


LINKS = ((20.0, 20.0), (50.0, 2.0), (2.0, 60.0))
LOSSES = (0.001, 0.01, 0.03)


SIZES = (100, 1400, 2000, 4000, 9000)
OF_ONE_WINDOW = [(size, loss) for loss in LOSSES for size in SIZES if size <= window_segments(loss) * SEGMENT_BYTES]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(("payload_bytes", "loss"), OF_ONE_WINDOW)
def test_payloads_of_one_window_take_what_the_shaped_line_does(payload_bytes, loss, link):
    rate, trip = link
    took = requests_ms(payload_bytes, Shape(rate, 0.0, trip, 0.0, loss), 1500)
    for percentile in (50, 95):
        predicted = Link.fixed(rate, trip, loss).transfer_quantile_ms(payload_bytes, percentile)
        # Shares of 1500 requests are off by 1.5 points once in some hundred samples.
        low, high = np.percentile(took, (percentile - 1.5, percentile + 1.5))
        assert 0.95 * low <= predicted <= 1.05 * high


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("link", LINKS)
def test_payloads_of_several_windows_are_on_the_safe_side(link, loss):
    rate, trip = link
    took = requests_ms(50_000, Shape(rate, 0.0, trip, 0.0, loss), 400)
    for percentile in (50, 95):
        predicted = Link.fixed(rate, trip, loss).transfer_quantile_ms(50_000, percentile)
        low, high = np.percentile(took, (percentile - 1.5, percentile + 1.5))
        assert 0.95 * low <= predicted <= 2.3 * high


def test_a_real_proxy_loses_what_is_predicted():
    """How many requests met a timeout, which no machine's hiccup is as long as."""
    loss, count = 0.03, 150
    link = ("--rate-mbit", "50", "--round-trip-ms", "2", "--loss", str(loss))
    with echoing() as echo, shaping(echo, *link) as ready, connect(ready["listen"]) as connection:
        took = [ask(connection, 1000) for _ in range(count)]
    late = sum(ms >= MIN_TIMEOUT_MS for ms in took)
    expected = count * (1 - (1 - loss) ** 2)
    assert abs(late - expected) <= 4 * expected**0.5
    predicted = Link.fixed(50.0, 2.0, loss)
    assert predicted.transfer_quantile_ms(1000, 50) <= np.median(took) < predicted.transfer_quantile_ms(1000, 95)


def test_without_loss_percentiles_are_those_of_the_samples():
    rng = np.random.default_rng(0)
    link = Link(tuple(rng.uniform(1, 9, 13)), tuple(rng.uniform(1, 9, 13)))
    for percentile in (50.0, 90.0, 95.0, 99.9):
        expected = np.percentile(link.transfer_ms(5000), percentile)
        assert link.transfer_quantile_ms(5000, percentile) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_gets_faster_with_more_loss_longer_trips_or_slower_wires(seed):
    rng = np.random.default_rng(seed)
    samples, payload = int(rng.choice([1, 7])), int(np.exp(rng.uniform(np.log(50), np.log(300_000))))
    speeds, trips = rng.uniform(1, 50, samples), rng.uniform(0, 60, samples)
    percentile = float(rng.choice([50, 90, 95, 99]))

    def at(loss, slower=1.0, longer=1.0):
        return Link(tuple(speeds / slower), tuple(trips * longer), 0.0, loss).transfer_quantile_ms(payload, percentile)

    losses = [0.0, *np.sort(np.exp(rng.uniform(np.log(1e-5), np.log(0.5), 40))).tolist()]
    factors = np.geomspace(1, 30, 25)
    for times in (
        [at(loss) for loss in losses],
        [at(losses[20], slower=factor) for factor in factors],
        [at(losses[20], longer=factor) for factor in factors],
    ):
        assert all(later >= earlier * (1 - 1e-12) for earlier, later in pairwise(times))
    assert at(1e-9) == pytest.approx(at(0.0))


def test_a_percentile_is_of_all_requests():
    """Payload or answer of one segment is lost at 2 % less, at 3 % more often than one time in twenty."""
    assert Link.fixed(10, 10, 0.02).transfer_quantile_ms(100, 95) < 11
    assert Link.fixed(10, 10, 0.03).transfer_quantile_ms(100, 95) > 10 + MIN_TIMEOUT_MS


@pytest.mark.parametrize("loss", [-0.01, 0.51, 1.0, float("nan")])
def test_losses_that_are_none(loss):
    with pytest.raises(InputError, match="between 0 and"):
        Link.fixed(1, 1, loss)


def test_a_link_says_what_it_loses():
    assert str(Link.fixed(5, 20, 0.01)) == "5 Mbit/s, 20 ms round trip, 1 % of segments lost"
    assert str(Link.fixed(5, 20)) == "5 Mbit/s, 20 ms round trip"
