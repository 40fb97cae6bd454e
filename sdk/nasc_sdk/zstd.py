"""Zstandard frames of one tensor (RFC 8878), by Python 3.14 itself or the package zstandard: imported here alone.

Rule 1: a payload is one frame. Skippable frames, a second frame and any byte after the first one are refused.
Rule 2: its header states the content size, and that is what was asked for, before anything is expanded.
Rule 3: it needs no dictionary, and no window above ``MAX_WINDOW``.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

from nasc_sdk.errors import MissingExtraError, RemoteProtocolError

LEVEL: Final = 3
"""The next better one, 6, takes two to four times as long for a few per cent; figures are in docs/adr/0013."""
MAX_WINDOW: Final = 8 << 20
"""RFC 8878, 3.1.1.1.2: decoders are recommended to support at least 8 MB, and frames not to need more."""
_MAGIC: Final = 0xFD2FB528
_WHERE: Final = "payload"


@dataclass(frozen=True, slots=True)
class _Library:
    """What this file needs of either."""

    error: type[Exception]
    compress: Callable[[bytes, int], bytes]
    """At a level."""
    decompress: Callable[[bytes, int], bytes]
    """Exactly one frame of so many bytes; raises ``error``, or EOFError, for anything else."""


def available() -> bool:
    """Whether this Python can do it."""
    try:
        _library()
    except MissingExtraError:
        return False
    return True


def compress(data: bytes, level: int = LEVEL) -> bytes:
    """One frame, its content size stated; MissingExtraError."""
    return _library().compress(data, level)


def expand(payload: bytes, size: int) -> bytes:
    """The ``size`` bytes of a frame; RemoteProtocolError for anything else, MissingExtraError."""
    library = _library()
    _check_header(payload, size)
    try:
        raw = library.decompress(payload, size)
    except (library.error, EOFError) as error:
        raise RemoteProtocolError(_WHERE, f"is no zstd frame of one tensor: {error}") from error
    if len(raw) != size:
        raise RemoteProtocolError(_WHERE, f"expands to {len(raw)} bytes, the tensors of the contract are {size}")
    return raw


def _check_header(payload: bytes, size: int) -> None:
    """Rules 1 to 3, as far as the header tells; the layout is that of RFC 8878, 3.1.1.1."""
    if len(payload) < 6 or int.from_bytes(payload[:4], "little") != _MAGIC:
        raise RemoteProtocolError(_WHERE, "does not start as a zstd frame")
    descriptor = payload[4]
    single_segment, size_flag = bool(descriptor & 0x20), descriptor >> 6
    if descriptor & 0x08:
        raise RemoteProtocolError(_WHERE, "a reserved bit of the zstd frame is set")
    if descriptor & 0x03:
        raise RemoteProtocolError(_WHERE, "the zstd frame needs a dictionary")
    if not single_segment:
        exponent, mantissa = payload[5] >> 3, payload[5] & 0x07
        window = (1 << (10 + exponent)) * (8 + mantissa) // 8
        if window > MAX_WINDOW:
            raise RemoteProtocolError(_WHERE, f"the zstd frame needs a window of {window} bytes, at most {MAX_WINDOW}")
    stated = _content_size(payload, 5 if single_segment else 6, size_flag, single_segment)
    if stated != size:
        found = "does not state its size" if stated is None else f"expands to {stated} bytes"
        raise RemoteProtocolError(_WHERE, f"{found}, the tensors of the contract are {size}")


def _content_size(payload: bytes, start: int, flag: int, single_segment: bool) -> int | None:
    """None where the frame does not state it."""
    if not flag and not single_segment:
        return None
    form = ("<B", "<H", "<I", "<Q")[flag]
    try:
        (value,) = struct.unpack_from(form, payload, start)
    except struct.error:
        raise RemoteProtocolError(_WHERE, "the header of its zstd frame is cut off") from None
    # "When Frame_Content_Size is 2 bytes, the offset of 256 is added."
    return int(value) + (256 if flag == 1 else 0)


@cache
def _library() -> _Library:
    """Contexts are made anew for each call, 3 us: those of the package are not to be shared by threads."""
    with contextlib.suppress(ModuleNotFoundError):  # also of a Python that was built without it
        return _of_python()
    try:
        return _of_package()
    except ModuleNotFoundError as error:
        if error.name != "zstandard":
            raise
        raise MissingExtraError("zstandard", "zstd") from error


def _of_python() -> _Library:
    zstd = import_module("compression.zstd")

    def decompress(payload: bytes, size: int) -> bytes:
        expander = zstd.ZstdDecompressor()
        # One byte more than is wanted shows that there are more.
        raw: bytes = expander.decompress(payload, size + 1)
        if not expander.eof or expander.unused_data:
            raise EOFError("it is cut off, or bytes follow it")
        return raw

    return _Library(zstd.ZstdError, zstd.compress, decompress)


def _of_package() -> _Library:
    zstandard = import_module("zstandard")

    def compress(data: bytes, level: int) -> bytes:
        made: bytes = zstandard.ZstdCompressor(level=level).compress(data)
        return made

    def decompress(payload: bytes, size: int) -> bytes:
        expander = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        raw: bytes = expander.decompress(payload, max_output_size=size, allow_extra_data=False)
        return raw

    return _Library(zstandard.ZstdError, compress, decompress)
