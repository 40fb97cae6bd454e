"""What a device takes beside the network itself, for each step a straight line over bytes: packing and entropy coding
of a cut, and the serial line to a board behind a bridge.

``us = fixed_us + us_per_byte * bytes``. Bytes are those of the int8 tensor for packing and unpacking, those of the
packed codes for entropy coding, whatever is left of them, and those of a request's input and its head's int8 output
together for the serial line (:mod:`nasc_sdk.mcu.serial_line`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nasc_sdk.candidate import Entropy


class Step(StrEnum):
    """Around the head's blocks, or the tail's; what it is called in tables."""

    PACK_8 = "pack int8"
    PACK_4 = "pack int4"
    PACK_2 = "pack int2"
    DEFLATE = "deflate"
    ZSTD = "zstd"
    UNPACK_8 = "unpack int8"
    """To real values, as the others."""
    UNPACK_4 = "unpack int4"
    UNPACK_2 = "unpack int2"
    INFLATE = "inflate"
    UNZSTD = "unzstd"
    LINE = "serial line"
    """Nothing where it was not measured: most boards run their agent themselves."""


PACK: Final = {8: Step.PACK_8, 4: Step.PACK_4, 2: Step.PACK_2}
UNPACK: Final = {8: Step.UNPACK_8, 4: Step.UNPACK_4, 2: Step.UNPACK_2}
COMPRESS: Final = {Entropy.ZLIB: Step.DEFLATE, Entropy.ZSTD: Step.ZSTD}
EXPAND: Final = {Entropy.ZLIB: Step.INFLATE, Entropy.ZSTD: Step.UNZSTD}


@dataclass(frozen=True, slots=True)
class StepTime:
    """One step on one device."""

    step: Step
    fixed_us: float
    us_per_byte: float
    error: float = 0.0
    """Relative standard deviation of measured times around the line: they depend on the data as well."""
    jitter: float = 0.0
    """Relative standard deviation of one run around the time of its payload, by the 95th percentile of runs."""

    def us(self, size: int) -> float:
        """Of so many bytes."""
        return self.fixed_us + self.us_per_byte * size

    def spread_us(self, size: int) -> float:
        """Standard deviation of one run on bytes that nobody saw before."""
        return math.hypot(self.error, self.jitter) * self.us(size)


ASSUMED: Final = {
    time.step: time
    for time in (
        StepTime(Step.PACK_8, 0.0, 0.0),
        StepTime(Step.PACK_4, 7.0, 0.0018),
        StepTime(Step.PACK_2, 7.0, 0.0018),
        StepTime(Step.DEFLATE, 20.0, 0.015),
        StepTime(Step.ZSTD, 10.0, 0.0045),
        StepTime(Step.UNPACK_8, 0.0, 0.0),
        StepTime(Step.UNPACK_4, 7.0, 0.0018),
        StepTime(Step.UNPACK_2, 7.0, 0.0018),
        StepTime(Step.INFLATE, 5.0, 0.004),
        StepTime(Step.UNZSTD, 5.0, 0.0012),
        StepTime(Step.LINE, 0.0, 0.0),
    )
}
"""Where nobody measured: an x86-64 machine at its full speed, cuts of 784 to 12,544 bytes."""


def time_of(measured: Sequence[StepTime], step: Step) -> StepTime:
    """The device's own line, else the assumed one, which has no spread."""
    return next((time for time in measured if time.step is step), ASSUMED[step])


def is_coding_measured(measured: Sequence[StepTime]) -> bool:
    """Whether packing or entropy coding is among these steps."""
    return any(time.step is not Step.LINE for time in measured)


def unit_key(step: Step, size: int) -> str:
    """Of a :class:`nasc_sdk.profiling.profile.Measurement` of so many bytes."""
    return f"{step.value}|{size}"


def parse_unit_key(key: str) -> tuple[Step, int] | None:
    """Inverse of :func:`unit_key`; None for a step of another version."""
    name, _, size = key.rpartition("|")
    if name not in list(Step) or not (size.isascii() and size.isdecimal() and len(size) < 12):
        return None
    return Step(name), int(size)
