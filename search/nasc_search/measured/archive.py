"""Reading .npz archives of strangers: sizes are looked at before anything is unpacked, and objects are refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nasc_sdk.errors import InputError, StorageError

MAX_FILE_BYTES: Final = 64 << 20
MAX_UNPACKED_BYTES: Final = 256 << 20
MAX_ENTRIES: Final = 512
_KINDS: Final = "biufUO"
"""Truth values, integers, real numbers, text; objects get a message of their own."""
# A header is a Python literal, which numpy reads without executing it and, for old files, in tokens.
_UNREADABLE: Final = (
    ValueError, TypeError, KeyError, SyntaxError, TokenError, EOFError, OverflowError, RecursionError, MemoryError,
)  # fmt: skip
_BAD: Final = "; make the file again, or copy it again"


def read_bounded(path: Path) -> bytes:
    """A whole file of at most 64 MiB; raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB, which no table of measurements needs")
    return data


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz by name, numbers and text only; raises InputError naming the file and the entry."""
    return unpack_arrays(read_bounded(path), str(path))


def unpack_arrays(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file's bytes; raises InputError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_sizes(archive, where)
            return {
                info.filename.removesuffix(".npy"): _array(archive.read(info), f"{where}, {info.filename}")
                for info in archive.infolist()
            }
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, OSError, RuntimeError) as error:
        raise InputError(f"{where} is no .npz archive, or not whole ({error}){_BAD}") from error


def _check_sizes(archive: zipfile.ZipFile, where: str) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{where} holds {len(entries)} entries; a table has at most {MAX_ENTRIES}")
    unpacked = sum(info.file_size for info in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise InputError(f"{where} unpacks to {unpacked >> 20} MiB; a table has at most {MAX_UNPACKED_BYTES >> 20} MiB")
    seen = set()
    for info in entries:
        name = info.filename
        if not name.endswith(".npy") or name in seen or not name.isprintable():
            raise InputError(f"{where} holds {name!r:.80}, which is no array, or twice; save it with numpy.savez")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise InputError(f"{where}, {name}: packed in a way numpy does not write; save it with numpy.savez")
        seen.add(name)


def _array(data: bytes, where: str) -> NDArray[Any]:
    file = io.BytesIO(data)
    try:
        # numpy gives these no types.
        version = npy.read_magic(file)  # type: ignore[no-untyped-call]
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)  # type: ignore[no-untyped-call]
        if dtype.hasobject:
            raise InputError(f"{where}: holds Python objects, which are never read; save plain numbers")
        if dtype.kind not in _KINDS or dtype.fields is not None:
            raise InputError(f"{where}: holds {dtype}; save plain numbers")
        # A header that lies would reserve what it announces.
        if prod(shape) * dtype.itemsize != len(data) - file.tell():
            raise InputError(f"{where}: {len(data) - file.tell()} bytes are no array of {shape} {dtype}{_BAD}")
        file.seek(0)
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except _UNREADABLE as error:
        raise InputError(f"{where}: no array numpy can read ({str(error)[:120]}){_BAD}") from error
    return array


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a new .npz, uncompressed, with no date in it: the same arrays are the same bytes. Raises StorageError."""
    try:
        with zipfile.ZipFile(path, "x") as archive:
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    except OSError as error:
        raise StorageError.of(path, error) from error
