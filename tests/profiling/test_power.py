"""Sensors read from files and commands as boards have them, and whatever else may be there."""

import time

import pytest

from nasc_sdk.profiling.power import CHOICE, COMMAND_PERIOD_S, PERIOD_S, find_sensor, pmic_watts
from tests.profiling.boards import INA219, JETSON, PMIC, add_chip, add_vcgencmd, says

HANGS_S = 30

NOWHERE = ""


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch):
    monkeypatch.delenv(CHOICE, raising=False)


@pytest.mark.parametrize("chip", ["ina219", "ina226", "ina230", "ina231", "ina238", "ina260"])
def test_a_chip_shows_its_power(tmp_path, chip):
    add_chip(tmp_path, 2, INA219 | {"name": chip})
    sensor = find_sensor(tmp_path, NOWHERE)
    assert sensor.read_watts() == pytest.approx(3.26)
    assert (sensor.name, sensor.period_s) == (f"{chip} (hwmon2)", PERIOD_S)


def test_without_a_power_file_it_is_volts_times_amperes(tmp_path):
    folder = add_chip(tmp_path, 0, INA219)
    (folder / "power1_input").unlink()
    assert find_sensor(tmp_path, NOWHERE).read_watts() == pytest.approx(5.080 * 0.640)


@pytest.mark.parametrize(
    ("interval_ms", "period_s"), [("2", PERIOD_S), ("280", 0.28), ("90000", 1.0), ("-1", PERIOD_S)]
)
def test_it_is_read_as_often_as_the_driver_has_a_new_value(tmp_path, interval_ms, period_s):
    add_chip(tmp_path, 0, INA219 | {"update_interval": interval_ms})
    assert find_sensor(tmp_path, NOWHERE).period_s == period_s


def test_other_chips_are_no_power_sensors(tmp_path):
    add_chip(tmp_path, 0, INA219 | {"name": "cpu_thermal"})
    assert find_sensor(tmp_path, NOWHERE) is None
    assert find_sensor(tmp_path / "nothing", NOWHERE) is None


def test_a_jetson_shows_its_input(tmp_path):
    add_chip(tmp_path, 1, JETSON)
    sensor = find_sensor(tmp_path, NOWHERE)
    assert sensor.read_watts() == pytest.approx(5.0)
    assert "VDD_IN" in sensor.name


def test_without_an_input_the_supplies_of_the_chip_are_added(tmp_path):
    add_chip(tmp_path, 1, JETSON | {"in1_label": "NC"})
    sensor = find_sensor(tmp_path, NOWHERE)
    assert sensor.read_watts() == pytest.approx(2.5)
    assert "VDD_CPU_GPU_CV + VDD_SOC" in sensor.name
    folder = tmp_path / "sys/class/hwmon/hwmon1"
    (folder / "in3_enable").write_text("0")
    assert find_sensor(tmp_path, NOWHERE).read_watts() == pytest.approx(1.5)


def test_of_several_chips_the_one_that_feeds_the_board_or_none(tmp_path, monkeypatch, caplog):
    add_chip(tmp_path, 0, INA219)
    add_chip(tmp_path, 10, INA219 | {"power1_input": "9000000"})
    assert find_sensor(tmp_path, NOWHERE) is None
    assert CHOICE in caplog.text
    monkeypatch.setenv(CHOICE, "hwmon10")
    assert find_sensor(tmp_path, NOWHERE).read_watts() == pytest.approx(9.0)
    monkeypatch.setenv(CHOICE, "hwmon7")
    assert find_sensor(tmp_path, NOWHERE) is None
    monkeypatch.delenv(CHOICE)
    add_chip(tmp_path, 3, JETSON)
    assert "VDD_IN" in find_sensor(tmp_path, NOWHERE).name


@pytest.mark.parametrize("bad", ["", "garbage", "nan", "inf", "-3000000", "0", "1e99", "\x00\xff", "9" * 5000])
def test_what_is_no_power_is_none(tmp_path, bad):
    add_chip(tmp_path, 0, INA219 | {"power1_input": bad, "in1_input": "junk"})
    assert find_sensor(tmp_path, NOWHERE) is None


def test_a_sensor_that_goes_away_is_none(tmp_path):
    folder = add_chip(tmp_path, 0, INA219)
    sensor = find_sensor(tmp_path, NOWHERE)
    for path in folder.iterdir():
        path.unlink()
    assert sensor.read_watts() is None


def test_one_unreadable_supply_spoils_the_sum(tmp_path):
    add_chip(tmp_path, 1, JETSON | {"in1_label": "A", "curr2_input": "-4"})
    assert find_sensor(tmp_path, NOWHERE) is None


def test_the_pmic_is_asked_by_its_command(tmp_path):
    path = add_vcgencmd(tmp_path / "bin", says(PMIC))
    sensor = find_sensor(tmp_path, path)
    assert sensor.read_watts() == pytest.approx(0.1 * 3.7 + 1.5 * 0.8)
    assert sensor.period_s == COMMAND_PERIOD_S
    assert "without USB" in sensor.name


def test_a_chip_goes_before_the_pmic(tmp_path):
    add_chip(tmp_path, 0, INA219)
    assert "ina219" in find_sensor(tmp_path, add_vcgencmd(tmp_path / "bin", says(PMIC))).name


@pytest.mark.parametrize("script", ["exit 1", "echo 'error=1 error_msg=\"Command not registered\"'", "kill -9 $$", ""])
def test_a_board_without_such_a_chip_has_no_sensor(tmp_path, script):
    assert find_sensor(tmp_path, add_vcgencmd(tmp_path / "bin", script)) is None


def test_a_command_that_hangs_is_given_up(tmp_path):
    path = add_vcgencmd(tmp_path / "bin", f"exec /bin/sleep {HANGS_S}")
    begun = time.monotonic()
    assert find_sensor(tmp_path, path) is None
    assert time.monotonic() - begun < HANGS_S


@pytest.mark.parametrize(
    "text",
    [
        "",
        "VDD_CORE_A current(7)=1.5A",
        "VDD_CORE_A current(7)=1.5A\nVDD_CORE_V volt(15)=nanV",
        "VDD_CORE_A current(7)=-1.5A\nVDD_CORE_V volt(15)=-0.8V",
        "VDD_CORE_A current(7)=1e9A\nVDD_CORE_V volt(15)=1V",
        "VDD_CORE_A current(7)=A\nVDD_CORE_V volt(15)=V",
        "=\n_A=\n\x00\xff=1A",
    ],
)
def test_nonsense_of_the_pmic_is_no_power(text):
    assert pmic_watts(text) is None


def test_this_machine_has_a_sensor_or_none():
    sensor = find_sensor()
    assert sensor is None or sensor.read_watts() is None or sensor.read_watts() > 0
