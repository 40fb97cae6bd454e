"""The arithmetic of the shaped line, on a clock of its own."""

import random

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.link.shaped_line import Shape, ShapedLine


def line(rate=8.0, seed=0, **fields):
    return ShapedLine(rate, Shape(rate_mbit=rate, **fields), random.Random(seed))


def drain(shaped, until_s=1e9):
    """(time, key, data) of everything, woken exactly when the line asks for it."""
    arrived = []
    while (wake_s := shaped.next_s()) is not None and wake_s <= until_s:
        arrived.extend((wake_s, key, data) for key, data in shaped.due(wake_s))
    return arrived


def test_bytes_take_their_size_over_the_rate_plus_the_delay():
    shaped = line(rate=8.0, round_trip_ms=20)
    shaped.push(1.0, "a", bytes(10_000))
    arrived = drain(shaped)
    assert sum(len(data) for _, _, data in arrived) == 10_000
    assert arrived[-1][0] == pytest.approx(1.0 + 0.010 + 0.010)
    assert arrived[0][0] == pytest.approx(1.0 + 0.0014 + 0.010)


def test_delay_does_not_limit_throughput():
    shaped = line(rate=80.0, round_trip_ms=2000)
    for index in range(100):
        shaped.push(index * 0.001, "a", bytes(10_000))
    assert drain(shaped)[-1][0] == pytest.approx(0.1 + 1.0, rel=0.01)


def test_late_wakes_do_not_add_up():
    shaped = line(rate=8.0)
    shaped.push(0.0, "a", bytes(100_000))
    last, now = 0.0, 0.0
    while shaped.next_s() is not None:
        now = shaped.next_s() + 0.003
        shaped.due(now)
        last = now
    assert last <= 0.1 + 0.0031


def test_order_is_kept_per_connection_under_jitter_and_loss():
    shaped = line(rate=100.0, round_trip_ms=10, jitter_ms=20, loss=0.2, seed=3)
    sent = {"a": b"", "b": b""}
    for index in range(400):
        key = "ab"[index % 2]
        data = bytes([index % 256]) * 700
        sent[key] += data
        shaped.push(index * 1e-4, key, data)
    got = {"a": b"", "b": b""}
    for _, key, data in drain(shaped):
        got[key] += data
    assert got == sent
    assert shaped.held("a") == 0


def test_loss_costs_time_and_is_repeatable():
    def last(loss, seed):
        shaped = line(rate=8.0, round_trip_ms=40, loss=loss, seed=seed)
        shaped.push(0.0, "a", bytes(100_000))
        return drain(shaped)[-1][0]

    assert last(0.1, 1) > last(0.0, 1)
    assert last(0.1, 1) == last(0.1, 1)


class Scripted(random.Random):
    """Draws what it is told to, alternately for jitter (always none) and loss."""

    def __init__(self, losses):
        super().__init__(0)
        self._draws = iter(losses)

    def random(self):
        return next(self._draws)


LOST, KEPT, NO_JITTER = 0.0, 0.99, 0.0
TIMEOUT = 0.2 + 0.02


@pytest.mark.parametrize(
    ("size", "draws", "late_s"),
    [
        (1400, [NO_JITTER, LOST, KEPT], TIMEOUT),
        (1400, [NO_JITTER, LOST, LOST, KEPT], 3 * TIMEOUT),
        (4200, [NO_JITTER, KEPT, NO_JITTER, KEPT, NO_JITTER, LOST, KEPT], 0.048),
        (4200, [NO_JITTER, KEPT, NO_JITTER, KEPT, NO_JITTER, LOST, LOST, KEPT], 0.048 + TIMEOUT),
        (4200, [NO_JITTER, KEPT, NO_JITTER, LOST, KEPT, NO_JITTER, KEPT], 0.02 - 0.0014),
        (4200, [NO_JITTER, LOST, KEPT, NO_JITTER, KEPT, NO_JITTER, KEPT], 0.02 - 2 * 0.0014),
    ],
)
def test_a_lost_segment_comes_as_tcp_sends_it_again(size, draws, late_s):
    """Alone by timeout, the last of several by a probe, others after a round trip."""
    shaped = ShapedLine(8.0, Shape(8.0, round_trip_ms=20, loss=0.05), Scripted(draws))
    shaped.push(0.0, "a", bytes(size))
    assert drain(shaped)[-1][0] == pytest.approx(size * 1e-6 + 0.01 + late_s)


def test_a_window_arrives_each_round_trip():
    shaped = ShapedLine(800.0, Shape(800.0, round_trip_ms=20, loss=0.04), Scripted([KEPT] * 100))
    shaped.push(0.0, "a", bytes(12 * 1400))
    assert [round(time_s, 3) for time_s, _, _ in drain(shaped)] == [0.01] * 4 + [0.03] * 4 + [0.05] * 4


def test_lost_segments_do_not_hold_up_other_connections():
    shaped = line(rate=1000.0, round_trip_ms=1, loss=0.5, seed=5)
    for index in range(40):
        shaped.push(0.0, f"c{index}", b"x")
    times = [time for time, _, _ in drain(shaped)]
    assert times == sorted(times)
    assert times[0] < 0.002 < times[-1]


def test_a_new_rate_holds_for_what_waits():
    shaped = line(rate=0.8)
    shaped.push(0.0, "a", bytes(100_000))
    assert len(drain(shaped, until_s=0.1)) == pytest.approx(7, abs=1)
    shaped.reshape(0.1, 80.0, Shape(rate_mbit=80.0))
    assert drain(shaped)[-1][0] == pytest.approx(0.1 + 0.009, abs=0.001)


def test_end_marks_are_delivered_after_the_data():
    shaped = line()
    shaped.push(0.0, "a", b"data")
    shaped.push(0.0, "a", b"")
    assert [data for _, _, data in drain(shaped)] == [b"data", b""]


def test_forgotten_connections_deliver_nothing():
    shaped = line()
    shaped.push(0.0, "a", b"data")
    shaped.forget("a")
    assert [data for _, _, data in drain(shaped)] == [b""]
    assert shaped.held("a") == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"rate_mbit": 0}, {"rate_mbit": -1}, {"rate_mbit": float("nan")}, {"down_mbit": -1}, {"loss": 1.0},
        {"loss": -0.1}, {"round_trip_ms": -1}, {"jitter_ms": float("inf")}, {"colour": 1}, {"loss": "high"},
        {"loss": True}, {"loss": None},
    ],
)  # fmt: skip
def test_impossible_links_are_refused(fields):
    with pytest.raises(InputError):
        Shape().changed(**fields)
