"""What an experiment reads: ``FILE.npz:NAME`` for accuracies and for the latencies of a board and a server.

Architectures that one of the files lacks are left out, and so are NAS-Bench-201's cells without a path from input to
output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.accuracy.table import Key, read_accuracies
from nasc_search.fewshot.basis import basis_of
from nasc_search.measured.entry import Entry, pick
from nasc_search.measured.npz import SPACE, UNIT, Measurements, Quantity, SpaceName, of_arrays
from nasc_search.spaces.nb201 import is_connected
from nasc_search.spaces.nb201_order import benchmark_ops

Array = NDArray[np.float64]
PROXY: Final = "macs"
"""In place of an accuracy table: a stand-in that grows with multiply-accumulates, for FBNet."""
_MIN_ARCHS: Final = 50
"""Fewer tell nothing about how a device spreads its time."""
_PROXY_LOW: Final = 55.0
_PROXY_GAIN: Final = 20.0


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
    devices = [read_device(Entry.parse(text), space) for text in (board, server)]
    keys = [_keys(device.arch) for device in devices]
    shared = sorted(set(keys[0]) & set(keys[1]))
    if accuracy == PROXY:
        if space is not SpaceName.FBNET:
            raise InputError(f"{PROXY} stands in for accuracies of fbnet only; give nb201's as FILE.npz:KEY")
        known: dict[Key, float] | None = None
    else:
        known = read_accuracies(Entry.parse(accuracy), space)
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


def read_device(entry: Entry, space: SpaceName) -> Measurements:
    """Latencies of the one device that an entry names; raises InputError."""
    arrays, name = pick(entry)
    if name != entry.name:
        raise InputError(f"{entry.path}: no device {entry.name!r}; name it in full")
    wanted = {name: array for name, array in arrays.items() if name in ("index", "arch", "op_names", UNIT, SPACE)}
    measured = of_arrays({**wanted, name: arrays[name]}, entry.path, space)
    if measured.quantity is not Quantity.LATENCY_MS:
        raise InputError(f"{entry.path} holds energies; latencies are needed (units ms, us, s)")
    return measured


def _keys(arch: NDArray[Any]) -> list[Key]:
    return [tuple(row) for row in arch.reshape(len(arch), -1).tolist()]


def _is_connected(index: int) -> bool:
    return is_connected(benchmark_ops()[index].tolist())


def _take(device: Measurements, keys: list[Key], wanted: list[Key]) -> Array:
    place = {key: row for row, key in enumerate(keys)}
    (values,) = device.devices.values()
    return values[[place[key] for key in wanted]]


def _proxy(arch: NDArray[np.int64]) -> Array:
    """Grows with multiply-accumulates, less and less: no accuracy, an order in which to trade."""
    macs = basis_of(SpaceName.FBNET).macs(arch)
    return np.asarray(_PROXY_LOW + _PROXY_GAIN * (1 - np.exp(-macs / np.median(macs))), np.float64)


def _notes(devices: list[Measurements], shared: list[Key], kept: list[Key]) -> tuple[str, ...]:
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
