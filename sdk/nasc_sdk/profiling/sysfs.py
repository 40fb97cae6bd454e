"""Small files of /proc and /sys: absent, unreadable and nonsensical ones read as nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
CPU: Final = "sys/devices/system/cpu"
_PLAUSIBLE_MILLIDEGREES: Final = (1, 150_000)


def read_text(path: Path) -> str:
    """The file's text without the white space and zero bytes around it; empty when it cannot be read."""
    try:
        return path.read_bytes().decode(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def read_number(text: str) -> float:
    """The text as a number; 0 when it is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def frequency_mhz(root: Path = ROOT) -> float:
    """The fastest core's present frequency, 0 when not shown: idle cores say nothing about the busy one."""
    shown = [read_number(read_text(path)) for path in (root / CPU).glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    return max(shown, default=0.0) / 1000


def temperature_c(root: Path = ROOT) -> float:
    """The hottest zone, 0 when not shown: which one is the processor's is named differently on every board."""
    low, high = _PLAUSIBLE_MILLIDEGREES
    zones = (read_number(read_text(path)) for path in (root / "sys/class/thermal").glob("thermal_zone*/temp"))
    return max((zone for zone in zones if low <= zone <= high), default=0.0) / 1000


def load_average(root: Path = ROOT) -> float:
    """Mean number of runnable processes of the last minute, 0 when not shown."""
    return read_number(read_text(root / "proc/loadavg").partition(" ")[0])
