"""Times what a device does to cuts: a board packs and compresses, a server expands and unpacks.

The payloads are real ones, which the plan brings: how long compressing takes depends on the data. Packing does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from nasc_sdk import entropy
from nasc_sdk.candidate import BITS, INT8, CutEncoding, Entropy
from nasc_sdk.codec import CutCodec
from nasc_sdk.contract import Contract
from nasc_sdk.cost.coding import COMPRESS, EXPAND, PACK, UNPACK, Step, unit_key
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.profiling.profile import Measurement
from nasc_sdk.profiling.samples import Samples, measurement
from nasc_sdk.profiling.sampling import Invoke, take_sample, undisturbed, warm_up
from nasc_sdk.profiling.speed import Speedometer

_WARM_UP: Final = 3


class Direction(StrEnum):
    """What a device does with cuts."""

    SENDS = "sends"
    RECEIVES = "receives"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A step on so many bytes."""

    key: str
    title: str
    shape: str
    invoke: Invoke


def measure_coding(
    payloads: Sequence[bytes], direction: Direction, rounds: int, speed: Speedometer, rng: np.random.Generator,
    resolution_ns: float,
) -> tuple[Measurement, ...]:  # fmt: skip
    """Every step of a device on some of these packed cuts, microseconds; nothing without payloads."""
    units = [(unit, Samples(unit)) for unit in _units(payloads, direction, rng)]
    warm = [warm_up(samples, unit.invoke, _WARM_UP) for unit, samples in units]
    for _ in range(rounds):
        slowest_s = speed.slowest_s
        with undisturbed():
            for at in rng.permutation(len(units)):
                unit, samples = units[at]
                take_sample(samples, unit.invoke, warm=warm[at], speed=speed, slowest_s=slowest_s)
    return tuple(measurement(samples, speed.slowest_s, resolution_ns) for _, samples in units)


def _units(payloads: Sequence[bytes], direction: Direction, rng: np.random.Generator) -> Iterator[_Unit]:
    sends = direction is Direction.SENDS
    sizes = sorted(map(len, payloads))
    for size in sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}):
        for bits in BITS:
            step = (PACK if sends else UNPACK)[bits]
            yield _unit(step, size, "values", (_packing if sends else _unpacking)(bits, size, rng))
    for coding in (coding for coding in entropy.known_codings() if coding is not Entropy.NONE):
        for payload in payloads:
            step = (COMPRESS if sends else EXPAND)[coding]
            yield _unit(step, len(payload), "bytes", (_compressing if sends else _expanding)(coding, payload))


def _unit(step: Step, size: int, of: str, invoke: Invoke) -> _Unit:
    return _Unit(unit_key(step, size), step.value, f"{size} {of}", invoke)


def _codec(bits: int, size: int) -> CutCodec:
    return CutCodec(Contract(1, TensorSpec(1, 1, size), 1.0, 0, "", CutEncoding(bits)))


def _packing(bits: int, size: int, rng: np.random.Generator) -> Invoke:
    codec, values = _codec(bits, size), rng.integers(0, 256, size).astype(np.uint8)
    if bits == INT8.bits:
        return lambda: codec.pack(values)
    table = codec.table(1.0, 0)
    return lambda: codec.pack(table[values])


def _unpacking(bits: int, size: int, rng: np.random.Generator) -> Invoke:
    codec = _codec(bits, size)
    payload = codec.pack(codec.table(1.0, 0)[rng.integers(0, 256, size)])
    return lambda: codec.decode(payload, 1)


def _compressing(coding: Entropy, payload: bytes) -> Invoke:
    return lambda: entropy.compress(coding, payload)


def _expanding(coding: Entropy, payload: bytes) -> Invoke:
    made = entropy.compress(coding, payload)
    return lambda: entropy.expand(coding, made, len(payload))
