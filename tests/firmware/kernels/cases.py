"""Kernel calls as a file of cases; kernels/cases.h is the other half."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.mcu import packing as packed
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import CHANNEL, Window

_HEAD = struct.Struct("<8I")
_CASE = struct.Struct("<I6I6II9i6H6B4bbb")
_TICKS_AT = 13 * 4
_ALIGNMENT = 16
_GUARD = 64
"""Bytes after each region that must stay as they are."""
_SCRATCH = 5


class Operator(IntEnum):
    """As in cases.h."""

    CONVOLVE = 0
    CONVOLVE_DEPTHWISE = 1
    AVERAGE_POOL = 2
    ADD = 3
    RESCALE = 4
    PAD = 5


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One call; what its operator does not use keeps its default."""

    operator: Operator
    window: Window
    input: NDArray[np.int8]
    """(height, width, channels)."""
    second: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    weights: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    """(out, height, width, in) or (1, height, width, channels)."""
    bias: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """(out,), as the model has it: the zero point is not folded in."""
    multipliers: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    """(channels or operands, 2): 31 bits and a shift to the left."""
    in_zero: int = 0
    second_zero: int = 0
    out_zero: int = 0
    low: int = -128
    high: int = 127

    @property
    def macs(self) -> int:
        """Products of a convolution, those with padding included."""
        outputs = self.window.output[0] * self.window.output[1]
        return outputs * self.weights.size

    @property
    def title(self) -> str:
        """For the message of a failed test."""
        window = self.window
        return (
            f"{self.operator.name} {window.input} -> {window.output}, kernel {window.kernel}, stride {window.stride}, "
            f"padding {window.pad}, zero points {self.in_zero} and {self.out_zero}, limits {self.low} and {self.high}"
        )

    def channels(self) -> bytes:
        """``nasc_channel_t`` of each output channel."""
        if self.operator not in (Operator.CONVOLVE, Operator.CONVOLVE_DEPTHWISE):
            return b""
        rows = np.empty(len(self.bias), CHANNEL)
        rows["bias"] = packed.fold_bias(self.weights, self.bias, self.in_zero)
        rows["multiplier"] = self.multipliers[:, 0]
        rows["left"] = np.maximum(self.multipliers[:, 1], 0)
        rows["right"] = np.maximum(-self.multipliers[:, 1], 0)
        return rows.tobytes()

    def regions(self, packing: Packing) -> list[bytes]:
        """What each of cases.h's regions holds before the call."""
        weights, scratch = b"", 0
        if self.operator is Operator.CONVOLVE:
            weights = packed.pack_convolution(self.weights, packing)
            scratch = packed.convolution_scratch_bytes(self.window, packing)
        elif self.operator is Operator.CONVOLVE_DEPTHWISE:
            weights = packed.pack_depthwise(self.weights, packing)
            scratch = packed.depthwise_scratch_bytes(self.window, packing)
        outputs = int(np.prod(self.window.output))
        filled = (b"\x5a" * outputs, b"\xa5" * scratch)
        return [self.input.tobytes(), self.second.tobytes(), weights, self.channels(), *filled]

    def record(self, places: list[tuple[int, int]]) -> bytes:
        """``case_t``; places are (offset, bytes) of the regions."""
        window, scales = self.window, [0] * 9
        if self.operator in (Operator.ADD, Operator.RESCALE):
            for row, (multiplier, shift) in enumerate(self.multipliers.tolist()):
                scales[3 * row : 3 * row + 3] = multiplier, max(shift, 0), max(-shift, 0)
        return _CASE.pack(
            self.operator, *(at for at, _ in places), *(size for _, size in places), 0, *scales,
            *window.input, *window.output, *window.kernel, *window.stride, *window.pad,
            self.in_zero, self.out_zero, self.low, self.high, self.second_zero, 0,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class CaseFile:
    """Cases laid out for one packing."""

    data: bytes
    outputs: list[tuple[int, int]]
    """(offset, bytes) of each case's output."""
    scratches: list[tuple[int, int]]

    @classmethod
    def of(cls, cases: list[Case], packing: Packing) -> CaseFile:
        """Regions are aligned to 16 bytes and guarded on both sides."""
        at = _HEAD.size + len(cases) * _CASE.size
        records, body, outputs, scratches = b"", bytearray(), [], []
        for case in cases:
            places = []
            for region in case.regions(packing):
                gap = _GUARD + -(at + _GUARD) % _ALIGNMENT
                body += b"\xc3" * gap + region
                places.append((at + gap, len(region)))
                at += gap + len(region)
            records += case.record(places)
            outputs.append(places[-2])
            scratches.append(places[-1])
        body += b"\xc3" * _GUARD
        head = _HEAD.pack(at + _GUARD, len(cases), _CASE.size, 0, 0, 0, 0, 0)
        return cls(head + records + bytes(body), outputs, scratches)

    def read(self, results: bytes) -> tuple[list[bytes], list[float]]:
        """Outputs, and instructions where the machine counted; asserts that nothing else was written."""
        assert len(results) == len(self.data)
        _, count, _, instructions, ticks, *_ = _HEAD.unpack_from(results)
        places = [_HEAD.size + number * _CASE.size + _TICKS_AT for number in range(count)]
        taken = [struct.unpack_from("<I", results, at)[0] for at in places]
        written = [(12, 8), *((at, 4) for at in places), *self.outputs, *self.scratches]
        before, after = bytearray(self.data), bytearray(results)
        for at, size in written:
            before[at : at + size] = after[at : at + size] = bytes(size)
        assert before == after, "a kernel wrote outside its output and scratch"
        outputs = [results[at : at + size] for at, size in self.outputs]
        return outputs, [instructions * each / ticks if ticks else 0.0 for each in taken]
