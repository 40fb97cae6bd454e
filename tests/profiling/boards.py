"""Folders as Linux shows power sensors, and a vcgencmd."""

from __future__ import annotations

INA219 = {
    "name": "ina219\n",
    "in1_input": "5080\n",
    "curr1_input": "640\n",
    "power1_input": "3260000\n",
    "update_interval": "2\n",
}
JETSON = {
    "name": "ina3221\n",
    "in1_label": "VDD_IN\n", "in1_input": "5000\n", "curr1_input": "1000\n",
    "in2_label": "VDD_CPU_GPU_CV\n", "in2_input": "5000\n", "curr2_input": "300\n",
    "in3_label": "VDD_SOC\n", "in3_input": "5000\n", "curr3_input": "200\n",
    "in7_label": "sum of shunt voltages\n",
}  # fmt: skip
PMIC = """\
     3V7_WL_SW_A current(0)=0.10000000A
       VDD_CORE_A current(7)=1.50000000A
     3V7_WL_SW_V volt(8)=3.70000000V
       VDD_CORE_V volt(15)=0.80000000V
          EXT5V_V volt(24)=5.05000000V
           BATT_V volt(25)=0.00976860V
"""


def add_chip(root, number, files):
    """A chip's folder under /sys."""
    folder = root / f"sys/class/hwmon/hwmon{number}"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def add_vcgencmd(folder, script):
    """An executable of this name; where to look for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vcgencmd"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(folder)


def says(text):
    """A script for ``pmic_read_adc``, and for nothing else."""
    return f"[ \"$1\" = pmic_read_adc ] || exit 2\n/bin/cat <<'END'\n{text}END"
