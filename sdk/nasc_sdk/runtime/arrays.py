"""Arrays of users: reading .npy files without trust, fitting them to a model's tensors, writing results."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError
from nasc_sdk.runtime.base import Array, TensorInfo


def read_bytes(path: Path) -> bytes:
    """A file's content; raises InputError naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_npy(path: Path) -> Array:
    """One array from a .npy file, no pickles. Mapped: a lying header allocates nothing. Raises InputError."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, TypeError, OverflowError, SyntaxError) as error:
        raise InputError(f"cannot read {path} as a .npy array: {error}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(f"{path} holds several arrays; save one with numpy.save")
    return array


def write_npy(path: Path, array: Array) -> None:
    """Write a .npy file whole or not at all; raises StorageError."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    write_durably(path, file.getvalue())


def samples(array: Array, info: TensorInfo, name: str) -> Array:
    """View an array as (runs, *input shape); the batch dimension may be left out. Raises InputError."""
    batch, sample = info.shape[:1], info.shape[1:]
    if array.shape == sample and batch == (1,):
        return array.reshape(1, 1, *sample)
    fits = array.ndim == len(info.shape) and array.shape[1:] == sample
    if not info.shape or not fits or len(array) == 0 or len(array) % batch[0]:
        shape = "x".join(map(str, array.shape)) or "a scalar"
        count = "N" if batch == (1,) else f"a multiple of {batch[0]}" if batch else ""
        raise InputError(f"{name} is {shape}; the model takes {'x'.join((count, *map(str, sample)))}")
    return array.reshape(-1, *info.shape)


def fit_dtype(array: Array, info: TensorInfo, name: str) -> Array:
    """The values as the input stores them: real ones are quantized, stored ones pass. Raises InputError."""
    if array.dtype == info.dtype:
        return np.ascontiguousarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{name} is {array.dtype}; the model takes {info.dtype}, or real numbers")
    real = np.asarray(array, np.float32)
    if not np.isfinite(real).all():
        raise InputError(f"{name} holds values that are not finite")
    if info.dtype == "float32":
        return real
    return quantize(real, info)


def quantize(real: NDArray[np.float32], info: TensorInfo) -> Array:
    """Real numbers as a quantized tensor stores them, saturated; raises InputError when it is not one."""
    if info.scale <= 0 or info.dtype not in ("int8", "uint8", "int16"):
        raise InputError(f"the model's input is {info.dtype} without a scale: give it as {info.dtype}")
    limits = np.iinfo(info.dtype)
    stored = np.rint(real / np.float32(info.scale)) + info.zero_point
    return np.asarray(np.clip(stored, limits.min, limits.max), info.dtype)


def dequantize(stored: Array, info: TensorInfo) -> Array:
    """Real numbers of a stored tensor, float32."""
    if info.scale <= 0:
        return np.asarray(stored, np.float32)
    return (stored.astype(np.float32) - np.float32(info.zero_point)) * np.float32(info.scale)


def random_input(info: TensorInfo, rng: np.random.Generator) -> Array:
    """Values over the input's whole range: latency depends on the data, zeros flatter. Raises InputError."""
    if info.dtype == "float32":
        return rng.uniform(-1.0, 1.0, info.shape).astype(np.float32)
    if info.dtype not in ("int8", "uint8", "int16"):
        raise InputError(f"the model's input is {info.dtype}; give it with --input")
    limits = np.iinfo(info.dtype)
    return np.asarray(rng.integers(limits.min, limits.max, info.shape, endpoint=True), info.dtype)
