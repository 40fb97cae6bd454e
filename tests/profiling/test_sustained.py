"""When a run counts as steady, on synthetic traces of one window a second."""

import numpy as np
import pytest

from nasc_sdk.profiling.sustained import (
    BLIND_S,
    STRETCH,
    State,
    Window,
    compare,
    describe,
    is_steady,
    least_seconds,
)


def trace(medians, celsius=None):
    shown = np.zeros(len(medians)) if celsius is None else celsius
    pairs = zip(medians, shown, strict=True)
    return [Window(float(at), 1.0, 10, us, 1.1 * us, heat) for at, (us, heat) in enumerate(pairs)]


def steady_at(windows, least_s=0.0):
    """After how many windows a run ends, 0 when it never does."""
    return next((count for count in range(1, len(windows) + 1) if is_steady(windows[:count], least_s)), 0)


def noisy(count, sd=0.005, level=100.0, seed=0):
    return level * (1 + sd * np.random.default_rng(seed).standard_normal(count))


def test_a_steady_trace_is_steady_as_soon_as_there_is_a_stretch():
    windows = trace(noisy(100))
    assert steady_at(windows) == STRETCH
    found = compare(windows[:STRETCH], State.STEADY)
    assert found.ratio == pytest.approx(1.0, abs=0.01)
    assert found.steady_after_s == 0.0
    assert "first 10 s (not a whole minute)" in describe(found)
    assert "the two overlap" in describe(found)


def test_nothing_is_steady_before_its_time():
    assert steady_at(trace(noisy(100)), least_s=45.0) == 45
    assert not is_steady([])


def test_one_throttling_step_is_waited_for_while_the_board_heats_up():
    celsius = np.minimum(45 + 0.3 * np.arange(300), 80.0)
    windows = trace(np.where(np.arange(300) < 116, noisy(300), noisy(300, level=150.0)), celsius)
    ended = steady_at(windows)
    assert 116 + 0.8 * STRETCH <= ended <= 116 + 1.3 * STRETCH
    found = compare(windows[:ended], State.STEADY)
    assert found.ratio == pytest.approx(1.5, rel=0.01)
    assert (found.first.started_s, found.first.ended_s, found.first.windows) == (0.0, 60.0, 60)
    assert found.first.p95_us == pytest.approx(110, rel=0.01)
    # A stretch may hold a fifth of other windows.
    assert 105 <= found.steady_after_s <= 117
    text = describe(found)
    assert "steady state against minute 1: 1.5" in text
    assert f"seen after {ended} s" in text
    assert "overlap" not in text


def test_latency_alone_would_end_too_soon():
    windows = trace(np.where(np.arange(300) < 116, 100.0, 150.0))
    assert steady_at(windows) == STRETCH
    assert steady_at(windows, least_seconds(windows[:1], 600.0)) == BLIND_S
    assert least_seconds(windows[:1], 60.0) == 30.0
    assert least_seconds(trace([100.0], [50.0]), 600.0) == 0.0
    assert least_seconds([], 600.0) == BLIND_S


def test_a_slow_drift_is_not_steady_until_it_ends():
    rising = 100 * (1 + 0.001 * np.minimum(np.arange(400), 250))
    ended = steady_at(trace(rising))
    assert 240 <= ended <= 250 + 2 * STRETCH
    assert steady_at(trace(rising[:240])) == 0
    # One that a user would not notice over an hour does not keep a run from ending.
    assert steady_at(trace(100 * (1 + 0.00001 * np.arange(400)))) == STRETCH


def test_a_clock_that_goes_up_and_down_is_not_steady():
    turns = np.arange(600)
    assert steady_at(trace(np.where(turns // 5 % 2, 100.0, 120.0))) == 0
    # Three seconds of ten, which a median does not see.
    assert steady_at(trace(np.where(turns % 10 < 3, 120.0, 100.0))) == 0
    # Slower than a stretch: not before three minutes, and never on top of the wave.
    assert steady_at(trace(100 + 10 * np.sin(turns / 20)), least_s=BLIND_S) == 0


def test_single_disturbed_seconds_do_not_end_a_steady_state():
    medians = noisy(100)
    medians[::10] *= 3
    assert steady_at(trace(medians)) == STRETCH


def test_never_steady():
    windows = trace(noisy(600, sd=0.05))
    assert steady_at(windows) == 0
    found = compare(windows, State.NOT_STEADY)
    assert found.steady_after_s is None
    assert found.duration_s == 600.0
    text = describe(found)
    assert "not steady after 600 s" in text
    assert "last 150 s against minute 1" in text


def test_a_board_that_still_heats_up_is_not_steady():
    assert steady_at(trace(noisy(100), 45 + 0.1 * np.arange(100))) == 0
    assert steady_at(trace(noisy(100), 45 + 0.01 * np.arange(100))) == STRETCH
    flickering = 45 + 0.5 * (np.arange(100) % 2)
    assert steady_at(trace(noisy(100), flickering)) == STRETCH


def test_one_window_is_both_parts():
    found = compare(trace([100.0]), State.INTERRUPTED)
    assert (found.first, found.ratio) == (found.last, 1.0)
    assert "interrupted, not steady after 1 s" in describe(found)
    assert "1 window\n" in describe(found)
