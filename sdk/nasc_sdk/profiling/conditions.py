"""What a measurement runs under, as /proc and /sys show it; what they do not show stays empty."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from nasc_sdk.profiling.profile import Conditions
from nasc_sdk.runtime.base import Kernels, Runtime, describe

ROOT: Final = Path("/")
_CPU: Final = "sys/devices/system/cpu"
_PLAUSIBLE_MILLIDEGREES: Final = (1, 150_000)


def read_conditions(
    runtime: Runtime, kernels: Kernels, threads: int, *, label: str = "", root: Path = ROOT
) -> Conditions:
    """The machine's state now; ``root`` is where /proc and /sys are."""
    return Conditions(
        runtime=describe(runtime),
        kernels=kernels.value,
        threads=threads,
        machine=_machine(root),
        processor=_processor(root),
        governor=_text(root / _CPU / "cpu0/cpufreq/scaling_governor"),
        frequency_mhz=frequency_mhz(root),
        temperature_c=_temperature_c(root),
        load_average=_number(_text(root / "proc/loadavg").partition(" ")[0]),
        label=label,
    )


def frequency_mhz(root: Path = ROOT) -> float:
    """The fastest core's present frequency, 0 when not shown: idle cores say nothing about the busy one."""
    shown = [_number(_text(path)) for path in (root / _CPU).glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    return max(shown, default=0.0) / 1000


def _machine(root: Path) -> str:
    """The board's own name when it has one, and the instruction set."""
    for source in ("proc/device-tree/model", "sys/devices/virtual/dmi/id/product_name"):
        model = _text(root / source)
        if model:
            return f"{model} ({platform.machine()})"
    return platform.machine()


def _processor(root: Path) -> str:
    facts: dict[str, str] = {}
    for line in _text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip().lower(), value.strip())
    for name in ("model name", "hardware", "cpu model"):
        if facts.get(name):
            return facts[name]
    return platform.processor()


def _temperature_c(root: Path) -> float:
    """The hottest zone: which one is the processor's is named differently on every board."""
    low, high = _PLAUSIBLE_MILLIDEGREES
    zones = (_number(_text(path)) for path in (root / "sys/class/thermal").glob("thermal_zone*/temp"))
    return max((zone for zone in zones if low <= zone <= high), default=0.0) / 1000


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
