"""Means over an interval from a sensor that is read beside the work."""

import threading
import time
from dataclasses import dataclass, field

import pytest

from nasc_sdk.errors import StoppedError
from nasc_sdk.profiling.draw import FEWEST, READINGS, Draw, nap, observe, power_of
from nasc_sdk.profiling.measure import measure
from nasc_sdk.profiling.power import find_sensor
from nasc_sdk.profiling.profile import PowerOrigin
from nasc_sdk.profiling.table import format_power, format_profile
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.mqtt.brokers import wait_for
from tests.profiling.boards import INA219, add_chip
from tests.profiling.test_measure import PLAN

HANGS_S = 20.0


@dataclass
class Meter:
    """A sensor that says what it is told."""

    says: list = field(default_factory=lambda: [2.0, 4.0])
    takes_s: float = 0.0
    name: str = "a meter"
    period_s: float = 0.01
    read: int = 0

    def read_watts(self):
        time.sleep(self.takes_s)
        self.read += 1
        return self.says[self.read % len(self.says)]


def watch(meter, work=nap, interval_s=0.3, settle_s=0.0):
    return observe(meter, work, interval_s=interval_s, settle_s=settle_s)


def test_readings_come_at_the_stated_rate():
    begun = time.monotonic()
    draw = watch(Meter(), interval_s=0.5)
    assert FEWEST <= len(draw.watts) <= (time.monotonic() - begun) / 0.01 + 1
    assert draw.problem == ""


def test_an_interval_is_as_long_as_the_sensor_needs():
    begun = time.monotonic()
    draw = watch(Meter(period_s=0.03), interval_s=0.01)
    assert time.monotonic() - begun >= 0.03 * READINGS
    assert len(draw.watts) >= FEWEST


def test_a_slow_reading_skips_those_it_missed():
    meter = Meter(takes_s=0.035)
    begun = time.monotonic()
    draw = watch(meter, interval_s=0.4)
    assert 1 <= len(draw.watts) <= (time.monotonic() - begun) / 0.035 + 1


def test_what_comes_before_it_settled_does_not_count():
    begun, first = time.monotonic(), []

    class Clock(Meter):
        def read_watts(self):
            first.append(time.monotonic() - begun)
            return 1.0

    watch(Clock(), settle_s=0.2)
    assert first[0] >= 0.2


def test_a_sensor_that_hangs_does_not_hold_up():
    released = threading.Event()

    class Stuck(Meter):
        def read_watts(self):
            released.wait(HANGS_S)
            return 1.0

    begun = time.monotonic()
    draw = watch(Stuck())
    assert time.monotonic() - begun < HANGS_S
    assert draw.problem == "only 0 readings"
    released.set()


def test_what_the_work_raises_is_raised():
    def work():
        raise StoppedError("enough")

    before = threading.active_count()
    with pytest.raises(StoppedError):
        watch(Meter(), work)
    wait_for(lambda: threading.active_count() <= before)


def test_means_and_their_notes():
    meter = Meter()
    power, notes = power_of(meter, Draw([2.0] * 5), Draw([3.0, 4.0] * 3))
    assert (power.idle_w, power.busy_w, power.samples) == (2.0, 3.5, 6)
    assert (power.origin, power.source, notes) == (PowerOrigin.MEASURED, "a meter", ())
    power, notes = power_of(meter, Draw([2.0] * 5), Draw([2.0] * 5))
    assert power is not None
    assert "does it feed the board" in notes[0]
    for idle, busy, words in (
        (Draw([2.0]), Draw([3.0] * 9), "only 1 readings of a meter while idle"),
        (Draw([2.0] * 9), Draw([3.0] * 9, failed=10), "10 of 19 readings failed of a meter while busy"),
    ):
        power, notes = power_of(meter, idle, busy)
        assert power is None
        assert words in notes[0]


def test_a_profile_holds_the_power_of_a_board_with_a_chip(tmp_path):
    folder = add_chip(tmp_path, 0, INA219)
    labels = []

    def progress(done, total, label):
        labels.append(label)
        # The board takes more as soon as it computes.
        if label == "busy power":
            (tmp_path / "next").write_text("4500000")
            (tmp_path / "next").replace(folder / "power1_input")

    profile = measure(
        PLAN, open_runtime(), Kernels.REFERENCE, device="here", rounds=1, progress=progress,
        sensor=find_sensor(tmp_path, ""),
    )  # fmt: skip
    assert (profile.power.idle_w, profile.power.busy_w) == pytest.approx((3.26, 4.5))
    assert profile.power.origin is PowerOrigin.MEASURED
    assert profile.notes == ()
    assert labels.index("idle power") < labels.index("timing") < labels.index("busy power")
    text = format_profile(profile)
    assert "power: busy 4.50 W, idle 3.26 W (measured: ina219 (hwmon0)" in text


def test_a_profile_without_a_sensor_has_no_power():
    profile = measure(PLAN, open_runtime(), Kernels.REFERENCE, device="here", rounds=1)
    assert profile.power is None
    assert "power" not in format_profile(profile)
    assert "assumed" in format_power(None)


def test_a_sensor_that_breaks_meanwhile_leaves_a_note(tmp_path):
    folder = add_chip(tmp_path, 0, INA219)
    sensor = find_sensor(tmp_path, "")
    (folder / "power1_input").write_text("-1")
    profile = measure(PLAN, open_runtime(), Kernels.REFERENCE, device="here", rounds=1, sensor=sensor)
    assert profile.power is None
    assert any("power was not measured" in note for note in profile.notes)
