"""End-to-end measurements of architectures on devices, from .npz files of numbers with a unit.

A file holds one array a device. For NAS-Bench-201 each has 15,625 values in the benchmark's order, or ``index`` says
which cells they are; for FBNet ``arch`` holds the operators of the 22 layers. The unit is the end of the file's name
(``_ms``, ``_us``, ``_s``, ``_mj``) or an entry ``unit``; an entry ``space`` may name the space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.measured.archive import read_arrays
from nasc_search.measured.fbnet import LAYERS, OPS
from nasc_search.spaces.nb201_order import CELLS

UNIT: Final = "unit"
SPACE: Final = "space"
_INDEX: Final = "index"
_ARCH: Final = "arch"
_OP_NAMES: Final = "op_names"
_WORDS: Final = frozenset((UNIT, SPACE, _INDEX, _ARCH, _OP_NAMES))
_SUFFIX: Final = re.compile(r"_(ms|us|s|mj)$", re.IGNORECASE)


class SpaceName(StrEnum):
    """Search spaces of which measurements are read."""

    NB201 = "nb201"
    FBNET = "fbnet"


class Quantity(StrEnum):
    """What is measured, and in what unit."""

    LATENCY_MS = "latency_ms"
    ENERGY_MJ = "energy_mj"


_UNITS: Final = {
    "ms": (Quantity.LATENCY_MS, 1.0),
    "us": (Quantity.LATENCY_MS, 1e-3),
    "s": (Quantity.LATENCY_MS, 1e3),
    "mj": (Quantity.ENERGY_MJ, 1.0),
}
"""Unit -> the quantity, and what the numbers are multiplied by."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """End-to-end figures of architectures on devices."""

    space: SpaceName
    arch: NDArray[np.int64]
    """[n] index of NAS-Bench-201, each once, or [n, 22] operators of FBNet's layers (``fbnet.OPS``)."""
    devices: dict[str, NDArray[np.float64]]
    """[n] each, in the unit of ``quantity``, all above 0 and finite."""
    quantity: Quantity = Quantity.LATENCY_MS


def load_measurements(path: Path, space: SpaceName | None = None) -> Measurements:
    """Read a file of measurements; pickled content is never read.

    ``space`` is needed when nothing in the file tells. Raises InputError: not an archive, not whole, too large; no
    unit; arrays of wrong length; values that are no numbers, not finite or not above 0; a device twice.
    """
    return of_arrays(read_arrays(path), path, space)


def of_arrays(arrays: dict[str, NDArray[Any]], path: Path, space: SpaceName | None = None) -> Measurements:
    """The measurements in a file's arrays; ``path`` names the file, and may name the unit. Raises InputError."""
    quantity, factor = _unit(arrays, path)
    space, arch = architectures(arrays, path, space)
    named = {name: array for name, array in arrays.items() if name not in _WORDS}
    if not named:
        raise InputError(f"{path} holds no device: add one array of {len(arch)} values for each")
    _check_conditions(named, path)
    devices = {name: _values(array, name, len(arch), factor, path) for name, array in named.items()}
    return Measurements(space, arch, devices, quantity)


def architectures(
    arrays: dict[str, NDArray[Any]], path: Path, space: SpaceName | None = None, layers: int = LAYERS
) -> tuple[SpaceName, NDArray[np.int64]]:
    """Which architectures the values of a file are of, in their order: as :attr:`Measurements.arch`, for FBNet with so
    many layers. Raises InputError, also when the file is of another ``space``.
    """  # fmt: skip
    found = _space(arrays, space, path)
    return found, _indices(arrays, path) if found is SpaceName.NB201 else _choices(arrays, path, layers)


def _unit(arrays: dict[str, NDArray[Any]], path: Path) -> tuple[Quantity, float]:
    in_name = _SUFFIX.search(path.stem)
    said = {in_name[1].lower()} if in_name else set()
    if UNIT in arrays:
        said.add(_word(arrays[UNIT], UNIT, path).lower())
    if not said:
        raise InputError(
            f"{path}: units unstated; if they are milliseconds, rename to {path.stem}_ms.npz or add unit='ms' "
            f"(units: {', '.join(_UNITS)})"
        )
    if len(said) > 1:
        raise InputError(f"{path}: the name and the entry {UNIT!r} state different units; keep the right one")
    unit = said.pop()
    if unit not in _UNITS:
        raise InputError(f"{path}: unit {unit!r:.40} is not known; use one of {', '.join(_UNITS)}")
    return _UNITS[unit]


def _space(arrays: dict[str, NDArray[Any]], wanted: SpaceName | None, path: Path) -> SpaceName:
    if SPACE in arrays:
        word = _word(arrays[SPACE], SPACE, path)
        if word not in list(SpaceName):
            raise InputError(f"{path}: space {word!r:.40} is not known; use one of {', '.join(SpaceName)}")
        found = SpaceName(word)
    elif _ARCH in arrays:
        found = SpaceName.FBNET
    elif _INDEX in arrays or any(array.shape == (CELLS,) for array in arrays.values()):
        found = SpaceName.NB201
    elif wanted is None:
        raise InputError(
            f"{path}: unknown space; arrays of {CELLS} values or an entry 'index' are read as nb201, an entry 'arch' "
            f"of [n, {LAYERS}] as fbnet, or add space='nb201'"
        )
    else:
        found = wanted
    if wanted not in (None, found):
        raise InputError(f"{path} holds measurements of {found}, not of {wanted}")
    return found


def _word(array: NDArray[Any], entry: str, path: Path) -> str:
    if array.dtype.kind != "U" or array.size != 1:
        raise InputError(f"{path}: entry {entry!r} is no word; write it as {entry}='...'")
    return str(array.item())


def _indices(arrays: dict[str, NDArray[Any]], path: Path) -> NDArray[np.int64]:
    if _INDEX not in arrays:
        return np.arange(CELLS, dtype=np.int64)
    index = arrays[_INDEX]
    if index.dtype.kind not in "iu" or index.ndim != 1 or not index.size:
        raise InputError(f"{path}: entry 'index' is no list of integers")
    if index.min() < 0 or index.max() >= CELLS or len(np.unique(index)) != len(index):
        raise InputError(f"{path}: entry 'index' does not name each cell once, from 0 to {CELLS - 1}")
    return index.astype(np.int64)


def _choices(arrays: dict[str, NDArray[Any]], path: Path, layers: int) -> NDArray[np.int64]:
    arch = arrays.get(_ARCH)
    if arch is None or arch.dtype.kind not in "iu" or arch.ndim != 2 or arch.shape[1] != layers or not arch.size:
        raise InputError(f"{path}: FBNet needs an entry 'arch' of [n, {layers}] integers, the operators of the layers")
    if arch.min() < 0 or arch.max() >= len(OPS):
        raise InputError(f"{path}: entry 'arch' holds operators outside 0 to {len(OPS) - 1}")
    names = arrays.get(_OP_NAMES)
    if names is not None and tuple(map(str, names.ravel())) != OPS:
        raise InputError(f"{path}: entry 'op_names' is in another order than {', '.join(OPS)}; number 'arch' by it")
    return arch.astype(np.int64)


def _check_conditions(devices: dict[str, NDArray[Any]], path: Path) -> None:
    """One device at two clock policies in one file would count twice, and as two that agree."""
    seen: dict[str, str] = {}
    for name in devices:
        device = name.partition("@")[0]
        if device in seen:
            raise InputError(
                f"{path}: {device} is measured under two conditions, {seen[device]!r} and {name!r}; keep one a file"
            )
        seen[device] = name


def _values(array: NDArray[Any], name: str, count: int, factor: float, path: Path) -> NDArray[np.float64]:
    where = f"{path}, {name}"
    if array.dtype.kind not in "iuf":
        raise InputError(f"{where}: holds {array.dtype}; measurements are numbers")
    if array.shape != (count,):
        shape = "x".join(map(str, array.shape)) or "one value"
        raise InputError(f"{where}: {shape} for {count} architectures; one value each is needed")
    values: NDArray[np.float64] = array.astype(np.float64) * factor
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        raise InputError(
            f"{where}: {len(wrong)} of {count} values are not finite or not above 0, the first is {array[wrong[0]]} "
            f"at {wrong[0]}; leave these architectures out"
        )
    return values
