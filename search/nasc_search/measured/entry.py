"""``FILE.npz:NAME``: one array of a file, as a command line names it.

Of a file only what is named is looked at, so that a bad array of another device harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.measured.archive import read_arrays
from nasc_search.measured.npz import SPACE, UNIT

_ROWS: Final = ("index", "arch", "op_names", "ops", "iso_id")
"""Entries that say which architectures a file holds."""
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A file and the name of one array in it."""

    path: Path
    name: str

    @classmethod
    def parse(cls, text: str) -> Entry:
        """From ``FILE.npz:NAME``; raises InputError."""
        path, colon, name = text.rpartition(":")
        if not (colon and path and name):
            raise InputError(f"{text!r} is not FILE.npz:NAME; name an array of the file, as in nb201_ms.npz:pixel3")
        return cls(Path(path), name)

    def __str__(self) -> str:
        return f"{self.path.name}:{self.name}"


def pick(entry: Entry) -> tuple[dict[str, NDArray[Any]], str]:
    """All arrays of an entry's file, and the full name of the one that is meant: it may lack what follows an
    underscore, as ``cifar10`` for ``cifar10_test_200``, when only one fits. Raises InputError with the names there are.
    """  # fmt: skip
    arrays = read_arrays(entry.path)
    names = [name for name in arrays if name not in (*_ROWS, UNIT, SPACE)]
    fitting = [entry.name] if entry.name in names else [n for n in names if n.startswith(f"{entry.name}_")]
    if len(fitting) != 1:
        more = ", ..." if len(names) > _SHOWN else ""
        fault = "fits several" if fitting else "is not there"
        held = ", ".join(names[:_SHOWN]) or "none"
        raise InputError(f"{entry.path}: {entry.name!r} {fault}; it holds {held}{more}")
    return arrays, fitting[0]
