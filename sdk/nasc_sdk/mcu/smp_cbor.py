"""CBOR of SMP payloads: one map with text keys each. The only file that knows the ``cbor2`` package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import Any, Final

from nasc_sdk.errors import MissingExtraError, RemoteProtocolError

Value = int | str | bytes | bool
_MAX_DEPTH: Final = 8
_WHERE: Final = "CBOR payload"


@cache
def _library() -> Any:
    try:
        return import_module("cbor2")
    except ModuleNotFoundError as error:
        if error.name != "cbor2":
            raise
        raise MissingExtraError("cbor2", "mcu") from error


def encode_map(pairs: Mapping[str, Value]) -> bytes:
    """A map of definite length, keys in the order given; MissingExtraError."""
    encoded: bytes = _library().dumps(dict(pairs))
    return encoded


def decode_map(payload: bytes) -> dict[str, object]:
    """The one map that the bytes are, of plain values; RemoteProtocolError for anything else, MissingExtraError."""
    library = _library()
    stream = BytesIO(payload)
    try:
        value = library.CBORDecoder(stream).decode()
    # The package has errors of its own, and lets through those of the types that tags stand for.
    except Exception as error:
        raise RemoteProtocolError(_WHERE, f"{type(error).__name__}: {error}") from error
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise RemoteProtocolError(_WHERE, f"{type(value).__name__}, not a map with text keys")
    if not _is_plain(value, _MAX_DEPTH):
        raise RemoteProtocolError(_WHERE, "values that are neither numbers, text, bytes, lists nor maps")
    if stream.read(1):
        raise RemoteProtocolError(_WHERE, "bytes after its end")
    return value


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_is_plain(item, depth - 1) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    return value is None or isinstance(value, int | float | str | bytes)
