"""What an experiment reads: ``FILE.npz:NAME`` for accuracies and for the latencies of a board and a server.

Of a file only what is named is looked at, so that a bad array of another device harms nobody. Architectures that
one of the files lacks are left out, and so are NAS-Bench-201's cells without a path from input to output.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import basis_of
from nasc_search.measured.archive import read_arrays
from nasc_search.measured.npz import SPACE, UNIT, Measurements, Quantity, SpaceName, of_arrays
from nasc_search.spaces.nb201 import is_connected
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

Array = NDArray[np.float64]
PROXY: Final = "macs"
"""In place of an accuracy table: a stand-in that grows with multiply-accumulates, for FBNet."""
_ROWS: Final = ("index", "arch", "op_names", "ops", "iso_id")
"""Entries that say which architectures a file holds."""
_SHOWN: Final = 40
_MIN_ARCHS: Final = 50
"""Fewer tell nothing about how a device spreads its time."""
_PROXY_LOW: Final = 55.0
_PROXY_GAIN: Final = 20.0


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the name of one array in it."""

    path: Path
    name: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """From ``FILE.npz:NAME``; raises InputError."""
        path, colon, name = text.rpartition(":")
        if not (colon and path and name):
            raise InputError(f"{text!r} is not FILE.npz:NAME; name an array of the file, as in nb201_ms.npz:pixel3")
        return cls(Path(path), name)

    def __str__(self) -> str:
        return f"{self.path.name}:{self.name}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Architectures with their accuracy and their whole latency on both devices, row by row."""

    space: SpaceName
    arch: NDArray[np.int64]
    """[n] index of NAS-Bench-201, or [n, 22] operators of FBNet's layers."""
    row: NDArray[np.int64]
    """[n] NAS-Bench-201's index, or the row in the board's file."""
    accuracy_percent: Array
    """[n], or a proxy; see ``is_proxy``."""
    board_ms: Array
    """[n] at the board's own speed."""
    server_ms: Array
    is_proxy: bool
    """Whether ``accuracy_percent`` is only a function of multiply-accumulates."""
    notes: tuple[str, ...]
    """What was left out, and why."""

    @property
    def size(self) -> int:
        """Number of architectures."""
        return len(self.arch)


def read_subject(space: SpaceName, accuracy: str, board: str, server: str) -> Subject:
    """Read the three sources; ``accuracy`` may be :data:`PROXY` for FBNet.

    Raises InputError: a file that cannot be read, a name it does not hold (with those it does), arrays of another
    length, values that are not finite, not above 0, or no percentages; too few architectures in common.
    """
    devices = [read_device(Source.parse(text), space) for text in (board, server)]
    keys = [_keys(device.arch) for device in devices]
    shared = sorted(set(keys[0]) & set(keys[1]))
    if accuracy == PROXY:
        if space is not SpaceName.FBNET:
            raise InputError(f"{PROXY} stands in for accuracies of fbnet only; give nb201's as FILE.npz:KEY")
        known: dict[tuple[int, ...], float] | None = None
    else:
        known = read_accuracies(Source.parse(accuracy), space)
        shared = [key for key in shared if key in known]
    connected = [key for key in shared if space is SpaceName.FBNET or _is_connected(key[0])]
    if len(connected) < _MIN_ARCHS:
        raise InputError(
            f"accuracies, board and server share {len(connected)} usable architectures; {_MIN_ARCHS} are the least: "
            "give files that measure the same ones"
        )
    arch = np.array([key[0] if space is SpaceName.NB201 else key for key in connected], np.int64)
    totals = [_take(device, places, connected) for device, places in zip(devices, keys, strict=True)]
    values = _proxy(arch) if known is None else np.array([known[key] for key in connected])
    place = {key: number for number, key in enumerate(keys[0])}
    row = arch if space is SpaceName.NB201 else np.array([place[key] for key in connected], np.int64)
    return Subject(space, arch, row, values, totals[0], totals[1], known is None, _notes(devices, shared, connected))


def pick(source: Source) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """All arrays of a source's file, and the one it names; a name may lack what follows an underscore, as ``cifar10``
    for ``cifar10_test_200``, when only one fits. Raises InputError with the names there are."""
    arrays = read_arrays(source.path)
    names = [name for name in arrays if name not in (*_ROWS, UNIT, SPACE)]
    fitting = [source.name] if source.name in names else [n for n in names if n.startswith(f"{source.name}_")]
    if len(fitting) != 1:
        more = ", ..." if len(names) > _SHOWN else ""
        fault = "fits several" if fitting else "is not there"
        held = ", ".join(names[:_SHOWN]) or "none"
        raise InputError(f"{source.path}: {source.name!r} {fault}; it holds {held}{more}")
    return arrays, arrays[fitting[0]]


def read_device(source: Source, space: SpaceName) -> Measurements:
    """Latencies of the one device that a source names; raises InputError."""
    arrays, _ = pick(source)
    if source.name not in arrays:
        raise InputError(f"{source.path}: no device {source.name!r}; name it in full")
    wanted = {name: array for name, array in arrays.items() if name in ("index", "arch", "op_names", UNIT, SPACE)}
    measured = of_arrays({**wanted, source.name: arrays[source.name]}, source.path, space)
    if measured.quantity is not Quantity.LATENCY_MS:
        raise InputError(f"{source.path} holds energies; latencies are needed (units ms, us, s)")
    return measured


def read_accuracies(source: Source, space: SpaceName) -> dict[tuple[int, ...], float]:
    """Per cent, by the benchmark's index of a cell or the operators of FBNet's layers; raises InputError."""
    arrays, values = pick(source)
    where = f"{source.path}, {source.name}"
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise InputError(f"{where}: accuracies are one list of numbers, not {values.dtype} of shape {values.shape}")
    rows = _accuracy_rows(arrays, space, len(values), where)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0) & (values <= 100)))
    if len(wrong):
        raise InputError(
            f"{where}: {len(wrong)} of {len(values)} values are no percentages from 0 to 100, the first is "
            f"{values[wrong[0]]} at {wrong[0]}; leave these architectures out"
        )
    if values.max() <= 1:
        raise InputError(f"{where}: no value is above 1; accuracies are in per cent: multiply by 100")
    return dict(zip(rows, values.astype(np.float64).tolist(), strict=True))


def _accuracy_rows(
    arrays: dict[str, NDArray[Any]], space: SpaceName, count: int, where: str
) -> list[tuple[int, ...]]:
    """Which architecture each value is of, as :func:`_keys` writes it."""
    if space is SpaceName.FBNET:
        if "arch" not in arrays:
            raise InputError(f"{where}: no entry 'arch' says which networks these are; copy it from the latencies")
        rows = arrays["arch"]
    else:
        rows = arrays.get("index", np.arange(CELLS))
        ops = arrays.get("ops")
        if ops is not None and "index" not in arrays and not np.array_equal(ops, benchmark_ops()):
            raise InputError(f"{where}: 'ops' is not in NAS-Bench-201's order; sort by the benchmark's index")
    if rows.dtype.kind not in "iu" or rows.ndim != (2 if space is SpaceName.FBNET else 1):
        raise InputError(f"{where}: the entry that says which architectures these are does not hold one of each")
    if len(rows) != count:
        raise InputError(f"{where}: {count} values for {len(rows)} architectures; one value each is needed")
    return _keys(rows)


def _keys(arch: NDArray[Any]) -> list[tuple[int, ...]]:
    return [tuple(row) for row in arch.reshape(len(arch), -1).tolist()]


def _is_connected(index: int) -> bool:
    return is_connected(benchmark_ops()[index].tolist())


def _take(device: Measurements, keys: list[tuple[int, ...]], wanted: list[tuple[int, ...]]) -> Array:
    place = {key: row for row, key in enumerate(keys)}
    (values,) = device.devices.values()
    return values[[place[key] for key in wanted]]


def _proxy(arch: NDArray[np.int64]) -> Array:
    """Grows with multiply-accumulates, less and less: no accuracy, an order in which to trade."""
    macs = basis_of(SpaceName.FBNET).macs(arch)
    return np.asarray(_PROXY_LOW + _PROXY_GAIN * (1 - np.exp(-macs / np.median(macs))), np.float64)


def _notes(devices: list[Measurements], shared: list[tuple[int, ...]], kept: list[tuple[int, ...]]) -> tuple[str, ...]:
    notes = []
    largest = max(len(device.arch) for device in devices)
    if largest > len(shared):
        notes.append(f"{largest - len(shared)} of {largest} architectures are not in all sources and are left out")
    if len(shared) > len(kept):
        notes.append(
            f"{len(shared) - len(kept)} cells have no path from input to output; they are never chosen, and no latency "
            "is fitted on them"
        )
    return tuple(notes)
