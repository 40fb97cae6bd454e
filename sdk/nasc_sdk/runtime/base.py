"""What every runtime offers: load a model, feed it, invoke it, fetch the result."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError

Array = NDArray[Any]

IDENTIFIER: Final = b"TFL3"
_ROOT: Final = struct.Struct("<I")


class Kernels(StrEnum):
    """Which implementations of the operators run."""

    XNNPACK = "xnnpack"
    """The runtime's default fast path. tflite-runtime 2.14 does not give int8 operators to XNNPACK."""
    BUILTIN = "builtin"
    """TFLite's optimized kernels, without any delegate."""
    REFERENCE = "reference"
    """TFLite's plain loops: bit-exact with microcontrollers, some 40 times slower."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output, batch included; real = scale * (stored - zero_point), scale 0: not quantized."""

    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int

    @property
    def elements(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * np.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))} {self.dtype}"


class Session(Protocol):
    """A loaded model. Not thread-safe: one session, one thread at a time."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """Inputs in the model's order."""

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """Outputs in the model's order."""

    def feed(self, array: Array, index: int = 0) -> None:
        """Copy an array into an input, where it stays over invokes. Raises InputError on a misfit."""

    def invoke(self) -> None:
        """Run once on what was fed, allocating nothing: this is what profiling times."""

    def fetch(self, index: int = 0) -> Array:
        """A copy of an output."""

    def run(self, array: Array) -> Array:
        """``feed``, ``invoke``, ``fetch`` of the first input and output."""


class Runtime(Protocol):
    """A TFLite runtime that works on this machine."""

    @property
    def name(self) -> str:
        """Distribution name, as ``--runtime`` takes it."""

    @property
    def version(self) -> str:
        """Installed version."""

    def load(self, model: bytes, *, kernels: Kernels, threads: int = 1, name: str = "model") -> Session:
        """Load a model; ``name`` is what errors call it.

        Raises InputError when the bytes are no model or an operator is not supported. Bytes of unknown origin
        go through :func:`nasc_sdk.runtime.check.check_model` first: a malformed file can crash a runtime.
        """


def describe(runtime: Runtime) -> str:
    """Name and version, as profiles state it."""
    return f"{runtime.name} {runtime.version}"


def check_header(model: bytes, name: str) -> None:
    """Refuse what is obviously no .tflite file before native code sees it; raises InputError."""
    if len(model) < 32 or model[4:8] != IDENTIFIER:
        raise InputError(
            f"{name} is not a .tflite model ({len(model)} bytes, no {IDENTIFIER.decode()} at byte 4)"
        )
    if _ROOT.unpack_from(model)[0] > len(model) - 4:
        raise InputError(
            f"{name} is a truncated .tflite model: {len(model)} bytes do not reach its root table"
        )


def require_int8(session: Session, name: str) -> None:
    """Refuse a model whose first input or output is not int8, or that has several; raises InputError."""
    if len(session.inputs) != 1 or len(session.outputs) != 1:
        raise InputError(
            f"{name} has {len(session.inputs)} inputs and {len(session.outputs)} outputs, not one of each"
        )
    for side, info in (("input", session.inputs[0]), ("output", session.outputs[0])):
        if info.dtype != "int8" or info.scale <= 0:
            raise InputError(f"{name}: its {side} is {info.dtype}, not quantized int8")
