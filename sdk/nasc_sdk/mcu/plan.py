"""Plan: an int8 model compiled for the firmware, and its bytes, which the firmware runs where they lie in flash.

Layout, little-endian, every part on a multiple of 4 bytes:

* header of 96 bytes (:data:`_HEADER`): magic, version, packing, length, CRC-32 of all that follows the CRC, tables,
  arena, input and output, golden seed and CRC, room for more;
* operators, 64 bytes each (:data:`_COMMON` and one of :data:`_WINDOW`, :data:`_ELEMENTS`), in order of execution;
* weights as packed for the kernel set, channels as ``nasc_channel_t`` (16 bytes), constants;
* names, each ended by a zero byte.

Offsets of weights, channels, constants and names count from the plan's first byte, those of tensors and scratch from
the arena's. The firmware's ``src/plan.c`` is the other reader; it trusts nothing here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Quantization
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.runtime.base import TensorInfo

FIRMWARE: Final = "nasc firmware"
"""What profiles call the runtime of a microcontroller, before its version."""
MAGIC: Final = b"NSCP"
VERSION: Final = 1
GOLDEN_SEED: Final = 0x4E415343
_HEADER: Final = struct.Struct("<4sHHIIIIIIIIIIIIIfifi20x")
_CHECKED_FROM: Final = 16
"""First byte that the CRC covers: what follows the CRC itself."""
_COMMON: Final = struct.Struct("<BBbbbbbxIII")
_WINDOW: Final = struct.Struct("<6H4B2BxxIIIII")
_ELEMENTS: Final = struct.Struct("<III6i")
OPERATOR_BYTES: Final = 64
CHANNEL: Final = np.dtype([("bias", "<i4"), ("multiplier", "<i4"), ("left", "<i4"), ("right", "<i4")])
_CONSTANT: Final = 1
"""Flag: the second operand lies in the plan, not in the arena."""
assert _HEADER.size == 96


class Code(IntEnum):
    """What an operator of a plan does; the numbers are the firmware's."""

    CONVOLVE = 1
    CONVOLVE_DEPTHWISE = 2
    AVERAGE_POOL = 3
    ADD = 4
    RESCALE = 5
    PAD = 6
    COPY = 7


@dataclass(frozen=True, slots=True)
class Scale:
    """real = multiplier / 2^31 * 2^shift."""

    multiplier: int = 0
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Of operators that move one: (height, width, channels) and (height, width)."""

    input: tuple[int, int, int]
    output: tuple[int, int, int]
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    """At the top and at the left."""


@dataclass(frozen=True, slots=True)
class Clamp:
    """Zero points and limits, in steps."""

    input_zero: int = 0
    output_zero: int = 0
    second_zero: int = 0
    low: int = -128
    high: int = 127


@dataclass(frozen=True, slots=True, eq=False)
class PlanOperator:
    """One operator; what its code does not use keeps its default."""

    code: Code
    name: str
    """Of its output, as the model calls it."""
    title: str
    """Kind and shapes, for people; stays on the host."""
    clamp: Clamp
    count: int
    """Elements of the output."""
    input: int = 0
    """Offset in the arena, as ``output``, ``second`` and ``scratch``."""
    output: int = 0
    macs: int = 0
    window: Window | None = None
    weights: bytes = b""
    channels: NDArray[Any] = field(default_factory=lambda: np.empty(0, CHANNEL))
    """Of :data:`CHANNEL`."""
    scratch: int = 0
    scratch_bytes: int = 0
    second: int = 0
    """ADD's other operand; unused where ``constant`` holds it."""
    constant: bytes = b""
    second_count: int = 0
    scales: tuple[Scale, ...] = ()
    """Of both operands and of the sum (ADD), or one (RESCALE)."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the firmware needs of a model, before it is bytes."""

    packing: Packing
    operators: tuple[PlanOperator, ...]
    arena_bytes: int
    lower_bound_bytes: int
    """Most bytes alive at once: no placement needs less."""
    input: int
    input_shape: tuple[int, ...]
    input_quantization: Quantization
    output: int
    output_shape: tuple[int, ...]
    output_quantization: Quantization
    golden_crc32: int = 0
    """Of the output for :func:`golden_input`."""

    @property
    def input_info(self) -> TensorInfo:
        """The input as runtimes describe theirs."""
        return _info(self.input_shape, self.input_quantization)

    @property
    def output_info(self) -> TensorInfo:
        """The output, likewise."""
        return _info(self.output_shape, self.output_quantization)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a run."""
        return sum(operator.macs for operator in self.operators)

    def pack(self) -> bytes:
        """The plan's bytes."""
        return _Packer(self).packed()


def _info(shape: tuple[int, ...], quantization: Quantization) -> TensorInfo:
    return TensorInfo(shape, "int8", quantization.scale, quantization.zero_point)


def golden_input(count: int, seed: int = GOLDEN_SEED) -> NDArray[np.int8]:
    """(count,) The trial run's input, which the firmware makes itself: one byte a step of xorshift32 (Marsaglia)."""
    state, values = seed, bytearray()
    for _ in range(count):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        values.append(state >> 24)
    return np.frombuffer(bytes(values), np.int8)


def header_crc32(packed: bytes) -> int:
    """The checksum in a plan's header."""
    return int.from_bytes(packed[_CHECKED_FROM - 4 : _CHECKED_FROM], "little")


class _Packer:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._names: dict[str, int] = {}
        self._name_bytes = bytearray()
        self._constants = bytearray()
        self._constants_at = _HEADER.size + OPERATOR_BYTES * len(plan.operators)

    def packed(self) -> bytes:
        plan = self._plan
        operators = b"".join(self._operator(operator) for operator in plan.operators)
        names_at = self._constants_at + len(self._constants)
        body = operators + bytes(self._constants) + bytes(self._name_bytes)
        header = _HEADER.pack(
            MAGIC, VERSION, plan.packing, _HEADER.size + len(body), 0, len(plan.operators), _HEADER.size, names_at,
            len(self._name_bytes), plan.arena_bytes, plan.input, int(np.prod(plan.input_shape)), plan.output,
            int(np.prod(plan.output_shape)), GOLDEN_SEED, plan.golden_crc32, plan.input_quantization.scale,
            plan.input_quantization.zero_point, plan.output_quantization.scale, plan.output_quantization.zero_point,
        )  # fmt: skip
        checked = zlib.crc32(body, zlib.crc32(header[_CHECKED_FROM:]))
        return header[: _CHECKED_FROM - 4] + checked.to_bytes(4, "little") + header[_CHECKED_FROM:] + body

    def _operator(self, operator: PlanOperator) -> bytes:
        clamp = operator.clamp
        common = _COMMON.pack(
            operator.code, _CONSTANT if operator.constant else 0, clamp.low, clamp.high, clamp.input_zero,
            clamp.output_zero, clamp.second_zero, self._name(operator.name), operator.input, operator.output,
        )  # fmt: skip
        return (common + self._rest(operator)).ljust(OPERATOR_BYTES, b"\0")

    def _rest(self, operator: PlanOperator) -> bytes:
        window = operator.window
        if window is None:
            second = self._constant(operator.constant) if operator.constant else operator.second
            scales = [*operator.scales, Scale(), Scale(), Scale()][:3]
            words = [word for scale in scales for word in (scale.multiplier, scale.shift)]
            return _ELEMENTS.pack(operator.count, second, operator.second_count, *words)
        return _WINDOW.pack(
            *window.input, *window.output, *window.kernel, *window.stride, *window.pad,
            self._constant(operator.weights), len(operator.weights), self._constant(operator.channels.tobytes()),
            operator.scratch, operator.scratch_bytes,
        )  # fmt: skip

    def _constant(self, data: bytes) -> int:
        if not data:
            return 0
        at = self._constants_at + len(self._constants)
        self._constants += data + bytes(-len(data) % 4)
        return at

    def _name(self, name: str) -> int:
        """Where it is within the names."""
        if name not in self._names:
            self._names[name] = len(self._name_bytes)
            self._name_bytes += name.encode() + b"\0"
        return self._names[name]
