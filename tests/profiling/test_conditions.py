from __future__ import annotations

import platform
from pathlib import Path

from nasc_sdk.profiling.conditions import conditions_after, governor_note, read_conditions
from nasc_sdk.profiling.sysfs import frequency_mhz
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime

PI = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\n\nHardware\t: BCM2711\nModel\t: Raspberry Pi 4\n",
    "proc/loadavg": "0.25 0.10 0.05 1/150 1234\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/thermal/thermal_zone1/temp": "-274000\n",
}


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_board_is_read_from_its_files(tmp_path):
    found = read_conditions(open_runtime(), Kernels.BUILTIN, 2, label="x", root=_tree(tmp_path, PI))
    assert found.machine == f"Raspberry Pi 4 Model B Rev 1.4 ({platform.machine()})"
    assert (found.processor, found.governor, found.frequency_mhz) == ("BCM2711", "ondemand", 1500.0)
    assert (found.temperature_c, found.load_average) == (48.312, 0.25)
    assert (found.kernels, found.threads, found.label) == ("builtin", 2, "x")


def test_what_is_not_shown_is_empty(tmp_path):
    found = read_conditions(open_runtime(), Kernels.XNNPACK, 1, root=tmp_path)
    assert (found.governor, found.frequency_mhz, found.temperature_c, found.load_average) == (
        "",
        0.0,
        0.0,
        0.0,
    )
    assert found.machine == platform.machine()


def test_nonsense_is_empty(tmp_path):
    root = _tree(tmp_path, dict.fromkeys(PI, "\xff nonsense"))
    assert frequency_mhz(root) == 0.0
    assert read_conditions(open_runtime(), Kernels.XNNPACK, 1, root=root).load_average == 0.0


def test_this_machine_says_something():
    found = read_conditions(open_runtime(), Kernels.XNNPACK, 1)
    assert found.machine
    assert found.runtime.startswith("ai-edge-litert")


def test_what_the_run_did_to_the_machine_is_added(tmp_path):
    root = _tree(tmp_path, PI | {"sys/devices/platform/soc/soc:firmware/get_throttled": "20000"})
    before = read_conditions(open_runtime(), Kernels.BUILTIN, 1, root=root)
    assert before.throttling == ("frequency_capped_occurred",)
    assert (before.temperature_after_c, before.load_average_after) == (0.0, 0.0)
    _tree(root, {"sys/class/thermal/thermal_zone0/temp": "71000\n", "proc/loadavg": "1.50 0 0 1/150 1\n"})
    after = conditions_after(before, ["throttled"], root)
    assert (after.temperature_c, after.temperature_after_c, after.load_average_after) == (48.312, 71.0, 1.5)
    assert after.throttling == ("frequency_capped_occurred", "throttled")


def test_governors_that_change_the_clock_get_advice():
    assert governor_note("performance") == governor_note("") == governor_note("userspace") == ""
    for governor in ("powersave", "ondemand", "schedutil"):
        assert f"the governor {governor} changes the clock" in governor_note(governor)
        assert "echo performance" in governor_note(governor)
