"""Entropy coding of packed codes, and back: what it gives is bounded before it is expanded."""

from __future__ import annotations

import zlib
from typing import Final, assert_never

from nasc_sdk import zstd
from nasc_sdk.candidate import Entropy
from nasc_sdk.errors import RemoteProtocolError

EVERYWHERE: Final = (Entropy.NONE, Entropy.ZLIB)
"""Codings that need nothing but Python; peers that do not say what they can do can do these."""
ZLIB_LEVEL: Final = 6
"""Beyond 6, cut tensors shrink by less than a hundredth and take longer."""
# What either coding adds at most to data that it cannot shrink, for any length that a frame may hold.
_MORE_SHARE: Final = 1 << 10
_MORE: Final = 64


def known_codings() -> tuple[Entropy, ...]:
    """Those that this Python can do, in the order of the enum."""
    return tuple(coding for coding in Entropy if coding is not Entropy.ZSTD or zstd.available())


def compress(coding: Entropy, data: bytes) -> bytes:
    """The packed codes as they are sent; MissingExtraError for a coding that is not among the known ones."""
    match coding:
        case Entropy.NONE:
            return data
        case Entropy.ZLIB:
            return zlib.compress(data, ZLIB_LEVEL)
        case Entropy.ZSTD:
            return zstd.compress(data)
        case _:
            assert_never(coding)


def expand(coding: Entropy, payload: bytes, size: int) -> bytes:
    """``size`` bytes of packed codes; RemoteProtocolError when the payload is anything else."""
    match coding:
        case Entropy.NONE:
            return _exactly(payload, size)
        case Entropy.ZLIB:
            return _inflated(payload, size)
        case Entropy.ZSTD:
            return zstd.expand(payload, size)
        case _:
            assert_never(coding)


def fits(coding: Entropy, size: int, raw: int) -> bool:
    """Whether so many bytes can be ``raw`` ones, coded; of coded ones only bounds are known."""
    return size == raw if coding is Entropy.NONE else 0 < size <= raw + raw // _MORE_SHARE + _MORE


def _inflated(payload: bytes, size: int) -> bytes:
    expander = zlib.decompressobj()
    try:
        # One byte more than is wanted shows that there are more, without expanding them.
        raw = expander.decompress(payload, size + 1)
    except zlib.error as error:
        raise RemoteProtocolError("payload", f"is no deflated tensor: {error}") from error
    return _exactly(raw, size, complete=expander.eof and not expander.unused_data)


def _exactly(raw: bytes, size: int, *, complete: bool = True) -> bytes:
    if len(raw) != size or not complete:
        found = f"{len(raw)} bytes" if len(raw) <= size else "more"
        raise RemoteProtocolError("payload", f"expands to {found}, the tensors of the contract are {size}")
    return raw
