"""Power sensors of a board: chips of Linux's hwmon, and the power management chip of the Raspberry Pi 5.

INA2xx (Documentation/hwmon/ina2xx.rst): one supply a chip, ``power1_input`` in microwatts, else ``in1_input``
    in mV times ``curr1_input`` in mA.
INA3221 (Documentation/hwmon/ina3221.rst), as on Jetson boards: up to three supplies, ``in[123]_input`` and
    ``curr[123]_input``. A supply called VDD_IN or POM_5V_IN feeds the whole board; where there is none, the supplies of
    the chip are added up.
Raspberry Pi 5: ``vcgencmd pmic_read_adc`` lists current and voltage of the supplies that the chip makes. Their sum
    leaves out what the chip does not feed (USB, HATs on the 5 V pins, a fan) and its own losses.

Which of several chips feeds the board nobody can tell from here: none is taken then, unless the environment names one.
"""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from nasc_sdk.profiling.profile import MOST_W
from nasc_sdk.profiling.sysfs import ROOT

CHOICE: Final = "NASC_POWER_SENSOR"
"""Environment variable that names one of several chips by its folder, e.g. ``hwmon2``."""
PERIOD_S: Final = 0.05
"""Between two readings of a file: a chip averages for some milliseconds, the driver's bus takes one more."""
COMMAND_PERIOD_S: Final = 0.2
"""Between two calls of vcgencmd: each is a process, which takes power itself."""
COMMAND_TIMEOUT_S: Final = 1.0
_INA2XX: Final = frozenset(
    {"ina209", "ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina232", "ina233", "ina234"}
    | {"ina236", "ina237", "ina238", "ina260"}
)
_INA3221: Final = "ina3221"
_WHOLE_BOARD: Final = frozenset({"VDD_IN", "POM_5V_IN"})
_PMIC_LINE: Final = re.compile(r"^\s*(\w+)_([AV])\b[^=]*=\s*([-+.\w]*?)[AV]?\s*$")

_log = logging.getLogger(__name__)


class Sensor(Protocol):
    """Something that tells what the board takes now."""

    @property
    def name(self) -> str:
        """For people, and with what it leaves out."""

    @property
    def period_s(self) -> float:
        """Reading it more often tells nothing new, or costs too much."""

    def read_watts(self) -> float | None:
        """Power now; None where the sensor cannot be read or says something impossible. May take a second."""


@dataclass(frozen=True, slots=True)
class Supply:
    """Files of one supply; ``watts`` where the driver shows it."""

    volts: Path
    """Millivolts."""
    amperes: Path
    """Milliamperes."""
    watts: Path | None = None
    """Microwatts."""

    def read_watts(self) -> float | None:
        """Power now, None like :meth:`Sensor.read_watts`."""
        microwatts = None if self.watts is None else _number(_text(self.watts))
        if microwatts is None:
            volts, amperes = _number(_text(self.volts)), _number(_text(self.amperes))
            microwatts = None if volts is None or amperes is None else volts * amperes
        return None if microwatts is None else microwatts / 1e6


@dataclass(frozen=True, slots=True)
class HwmonSensor:
    """One chip."""

    name: str
    period_s: float
    supplies: tuple[Supply, ...]

    def read_watts(self) -> float | None:
        """The sum of its supplies."""
        return plausible(supply.read_watts() for supply in self.supplies)


@dataclass(frozen=True, slots=True)
class PmicSensor:
    """The Raspberry Pi 5's power management chip, asked by ``vcgencmd``."""

    command: str
    name: str = "Raspberry Pi PMIC, without USB, HATs, fan and its own losses"
    period_s: float = COMMAND_PERIOD_S

    def read_watts(self) -> float | None:
        """The sum over its supplies of volts times amperes."""
        try:
            done = subprocess.run(
                [self.command, "pmic_read_adc"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, timeout=COMMAND_TIMEOUT_S, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        return pmic_watts(done.stdout.decode(errors="replace"))


def pmic_watts(text: str) -> float | None:
    """Sum of the supplies that ``vcgencmd pmic_read_adc`` shows with both ``NAME_A`` and ``NAME_V``."""
    found: dict[str, dict[str, float | None]] = {"A": {}, "V": {}}
    for line in text.splitlines():
        match = _PMIC_LINE.match(line)
        if match:
            supply, unit, value = match.groups()
            found[unit][supply] = _number(value)
    amperes, volts = found["A"], found["V"]
    return plausible(_product(amperes[supply], volts[supply]) for supply in amperes.keys() & volts.keys())


def find_sensor(root: Path = ROOT, path: str | None = None) -> Sensor | None:
    """The sensor that shows what this board takes and can be read now; None where there is none, or no telling which.

    ``root`` is where /sys is, ``path`` where vcgencmd is looked for (PATH without it).
    """
    sensor = _of_hwmon(root)
    if sensor is None:
        command = shutil.which("vcgencmd", path=path)
        sensor = PmicSensor(command) if command else None
    return sensor if sensor is not None and sensor.read_watts() is not None else None


def plausible(parts: Iterable[float | None]) -> float | None:
    """The sum of a board's supplies; None when one is unknown or negative, or the sum is none that a board takes.

    A negative supply is a shunt the wrong way round. A board that reads its own sensor takes more than nothing.
    """
    total = 0.0
    for part in parts:
        if part is None or part < 0:
            return None
        total += part
    return total if 0 < total <= MOST_W else None


def _of_hwmon(root: Path) -> Sensor | None:
    """The only chip, the one that feeds the whole board, or the one that the environment names."""
    folders = sorted((root / "sys/class/hwmon").glob("hwmon*"), key=lambda folder: (len(folder.name), folder.name))
    found = [(folder.name, whole, sensor) for folder in folders for whole, sensor in _chip(folder)]
    chosen = os.environ.get(CHOICE)
    if chosen:
        return next((sensor for name, _, sensor in found if name == chosen), None)
    best = [sensor for _, whole, sensor in found if whole] or [sensor for _, _, sensor in found]
    if len(best) > 1:
        names = ", ".join(sensor.name for sensor in best)
        _log.warning("several power sensors and no telling which one feeds the board: %s; set %s", names, CHOICE)
        return None
    return best[0] if best else None


def _chip(folder: Path) -> list[tuple[bool, HwmonSensor]]:
    """The chip in this folder and whether it says that it feeds the whole board; nothing for other chips."""
    chip = _text(folder / "name")
    if chip in _INA2XX:
        supply = Supply(folder / "in1_input", folder / "curr1_input", folder / "power1_input")
        return [(False, HwmonSensor(f"{chip} ({folder.name})", _period_s(folder), (supply,)))]
    if chip != _INA3221:
        return []
    supplies = {}
    for number in "123":
        label = _text(folder / f"in{number}_label") or f"channel {number}"
        # A channel that is not connected is called NC; one that is off has no current.
        if label != "NC" and _text(folder / f"in{number}_enable") != "0" and (folder / f"curr{number}_input").exists():
            supplies[label] = Supply(folder / f"in{number}_input", folder / f"curr{number}_input")
    whole = sorted(supplies.keys() & _WHOLE_BOARD)[:1]
    taken = whole or list(supplies)
    if not taken:
        return []
    name = f"{chip} {' + '.join(taken)} ({folder.name})"
    return [(bool(whole), HwmonSensor(name, _period_s(folder), tuple(supplies[label] for label in taken)))]


def _period_s(folder: Path) -> float:
    """As often as the driver takes a new value, but not more than 20 times a second, and once at least."""
    interval_ms = _number(_text(folder / "update_interval")) or 0.0
    return min(max(interval_ms / 1000, PERIOD_S), 1.0)


def _product(amperes: float | None, volts: float | None) -> float | None:
    return None if amperes is None or volts is None or amperes < 0 or volts < 0 else amperes * volts


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode(errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
