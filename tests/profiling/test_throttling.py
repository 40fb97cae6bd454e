"""Throttling flags, from files in a real folder."""

import pytest

from nasc_sdk.profiling.throttling import Flag, ThrottleWatch, code_of, throttling_now
from nasc_sdk.profiling.validity import Code

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
COUNT = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
COOLING = "sys/class/thermal/cooling_device0"


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def cooling(root, kind, state):
    write(root, f"{COOLING}/type", f"{kind}\n")
    write(root, f"{COOLING}/cur_state", f"{state}\n")


def test_absent_files_show_nothing(tmp_path):
    watch = ThrottleWatch(tmp_path)
    assert watch.look() == frozenset()
    assert throttling_now(tmp_path) == ()
    assert code_of(frozenset()) is None


@pytest.mark.parametrize("text", ["", "nonsense\n", "\xff\n", "0\n", "0x0\n"])
def test_nonsense_and_zero_show_nothing(tmp_path, text):
    write(tmp_path, FIRMWARE, text)
    write(tmp_path, COUNT, text.replace("0x0", "0"))
    cooling(tmp_path, "Processor", text.strip() or "no state")
    watch = ThrottleWatch(tmp_path)
    assert watch.look() == frozenset()
    assert throttling_now(tmp_path) == ()


BITS = {
    "1": Flag.UNDER_VOLTAGE,
    "0x2": Flag.FREQUENCY_CAPPED,
    "4\n": Flag.THROTTLED,
    "8": Flag.SOFT_TEMPERATURE_LIMIT,
}


@pytest.mark.parametrize("text", BITS)
def test_each_bit_of_the_firmware(tmp_path, text):
    write(tmp_path, FIRMWARE, text)
    assert throttling_now(tmp_path) == (BITS[text].value,)
    assert ThrottleWatch(tmp_path).look() == {BITS[text]}


def test_the_address_of_the_soc_may_be_in_its_name(tmp_path):
    write(tmp_path, "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "4")
    assert throttling_now(tmp_path) == ("throttled",)


@pytest.mark.parametrize(("name", "alarm", "low"), [("rpi_volt", 1, True), ("rpi_volt", 0, False), ("nvme", 1, False)])
def test_the_alarm_of_the_supply(tmp_path, name, alarm, low):
    write(tmp_path, "sys/class/hwmon/hwmon1/name", f"{name}\n")
    write(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", f"{alarm}\n")
    assert ThrottleWatch(tmp_path).look() == ({Flag.UNDER_VOLTAGE} if low else set())


def test_what_was_before_is_said_and_is_no_verdict(tmp_path):
    write(tmp_path, FIRMWARE, "50000")
    assert throttling_now(tmp_path) == ("throttled_occurred", "under_voltage_occurred")
    assert ThrottleWatch(tmp_path).look() == frozenset()


def test_what_came_and_went_between_two_looks_is_seen(tmp_path):
    write(tmp_path, FIRMWARE, "40000")
    watch = ThrottleWatch(tmp_path)
    write(tmp_path, FIRMWARE, "50000")
    assert watch.look() == {Flag.UNDER_VOLTAGE}
    write(tmp_path, FIRMWARE, "0")
    assert watch.look() == {Flag.UNDER_VOLTAGE}


def test_counters_that_grow_during_the_watch(tmp_path):
    write(tmp_path, COUNT, "7\n")
    watch = ThrottleWatch(tmp_path)
    assert watch.look() == frozenset()
    write(tmp_path, COUNT, "8\n")
    assert watch.look() == {Flag.THERMAL_THROTTLE}
    # The number before the watch says nothing of it.
    assert ThrottleWatch(tmp_path).look() == frozenset()


@pytest.mark.parametrize(
    ("kind", "state", "cools"),
    [
        ("Processor", 1, True),
        ("cpufreq-cpu0", 2, True),
        ("thermal-cpufreq-0", 3, True),
        ("intel_powerclamp", -1, False),
        ("Processor", 0, False),
        ("pwm-fan", 4, False),
        ("TCC Offset", 3, False),
    ],
)
def test_only_cooling_of_processors_counts(tmp_path, kind, state, cools):
    cooling(tmp_path, kind, state)
    assert ThrottleWatch(tmp_path).look() == ({Flag.COOLING} if cools else set())


def test_a_clock_that_falls_far(tmp_path):
    write(tmp_path, FREQUENCY, "1500000")
    watch = ThrottleWatch(tmp_path)
    write(tmp_path, FREQUENCY, "1300000")
    assert watch.look() == frozenset()
    write(tmp_path, FREQUENCY, "1200000")
    assert watch.look() == {Flag.LOWERED_CLOCK}


def test_the_supply_comes_before_heat():
    assert code_of(frozenset({Flag.THROTTLED, Flag.UNDER_VOLTAGE})) is Code.UNDER_VOLTAGE
    for flag in set(Flag) - {Flag.UNDER_VOLTAGE}:
        assert code_of(frozenset({flag})) is Code.THROTTLED
