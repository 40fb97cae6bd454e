"""Keys of accuracies, as they are kept on the disk: what an accuracy was measured of."""

from __future__ import annotations

from dataclasses import replace

from nasc_sdk.candidate import INT8, Candidate
from nasc_sdk.errors import InputError


def accuracy_key(candidate: Candidate) -> str:
    """What an accuracy is measured of: the architecture, and the cut where its encoding loses something."""
    encoding = candidate.encoding
    if encoding.bits == INT8.bits and not encoding.bottleneck:
        return candidate.arch
    return f"{candidate.arch} cut {candidate.cut} {replace(encoding, entropy=INT8.entropy)}"


def parse_accuracy_key(key: str) -> tuple[str, int | None, str]:
    """Inverse of :func:`accuracy_key`: architecture, cut and the encoding's name; None and "" for a whole architecture.

    InputError where the cut is no number.
    """
    arch, encoded, rest = key.partition(" cut ")
    cut, _, name = rest.partition(" ")
    if encoded and not cut.isdecimal():
        raise InputError(f"{key!r} names no cut of an architecture")
    return arch, int(cut) if encoded else None, name
