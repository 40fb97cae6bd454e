"""What a measurement runs under, as /proc and /sys show it; what they do not show stays empty."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from nasc_sdk.profiling.profile import Conditions
from nasc_sdk.profiling.sysfs import CPU, ROOT, frequency_mhz, load_average, read_text, temperature_c
from nasc_sdk.profiling.throttling import throttling_now
from nasc_sdk.runtime.base import Kernels, Runtime, describe

# Governors under which the clock depends on what ran before, intel_pstate's powersave among them.
_CHANGING: Final = ("powersave", "ondemand", "conservative", "schedutil", "interactive")


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
        governor=read_text(root / CPU / "cpu0/cpufreq/scaling_governor"),
        frequency_mhz=frequency_mhz(root),
        temperature_c=temperature_c(root),
        load_average=load_average(root),
        label=label,
        throttling=throttling_now(root),
    )


def conditions_after(before: Conditions, flags: Iterable[str], root: Path = ROOT) -> Conditions:
    """The conditions of a run that ends now, with the throttling flags that showed during it."""
    return replace(
        before,
        throttling=tuple(sorted({*before.throttling, *flags})),
        temperature_after_c=temperature_c(root),
        load_average_after=load_average(root),
    )


def governor_note(governor: str) -> str:
    """What to do about a governor that changes the clock while units are timed; empty for one that does not."""
    if governor not in _CHANGING:
        return ""
    how = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    return f"the governor {governor} changes the clock with the load; for steady times: {how}"


def _machine(root: Path) -> str:
    """The board's own name when it has one, and the instruction set."""
    for source in ("proc/device-tree/model", "sys/devices/virtual/dmi/id/product_name"):
        model = read_text(root / source)
        if model:
            return f"{model} ({platform.machine()})"
    return platform.machine()


def _processor(root: Path) -> str:
    facts: dict[str, str] = {}
    for line in read_text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip().lower(), value.strip())
    for name in ("model name", "hardware", "cpu model"):
        if facts.get(name):
            return facts[name]
    return platform.processor()
