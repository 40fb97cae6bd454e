"""The layout of HW-NAS-Bench's file (Li et al. 2021, MIT licence): which of its values are kept, and as what.

``["nasbench201"][data set][metric]`` holds a value for each of the 15,625 cells; ``["fbnet"][metric]`` holds a value
for each layer key, data sets together. Latencies are in milliseconds, energies in millijoules.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.measured.archive import read_arrays, write_arrays
from nasc_search.measured.npz import SPACE, UNIT, Quantity, SpaceName
from nasc_search.measured.pickle_numpy import PlainArray
from nasc_search.spaces.nb201 import format_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

ORIGIN: Final = "HW-NAS-Bench v1.0, https://github.com/GATECH-EIC/HW-NAS-Bench"
LICENCE: Final = "MIT"
_NB201: Final = "nasbench201"
_FBNET: Final = "fbnet"
_DATASETS: Final = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16"}
"""Data set of the file -> its word in file names."""
_METRIC: Final = re.compile(r"(edgegpu|raspi4|edgetpu|pixel3|eyeriss|fpga)_(latency|energy)")
_QUANTITIES: Final = {"latency": Quantity.LATENCY_MS, "energy": Quantity.ENERGY_MJ}
_UNITS: Final = {Quantity.LATENCY_MS: "ms", Quantity.ENERGY_MJ: "mj"}
_CONFIG: Final = "config"
_KEY: Final = re.compile(r"[A-Za-z]+(_[A-Za-z]+\d{1,5}){2,8}")
_KEYS: Final = "keys"
_MAX_KEYS: Final = 20_000
_MAX_LEFT_OUT: Final = 100

Columns = dict[str, NDArray[np.float64]]
"""Device -> one value a cell, or a layer key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a file is kept as tables, and what is not, with the reason."""

    cells: dict[tuple[str, Quantity], Columns]
    """(data set, quantity) -> 15,625 values a device."""
    layers: dict[Quantity, dict[str, dict[str, float]]]
    """Quantity -> device -> layer key -> value."""
    left_out: tuple[str, ...]
    order_checked: bool
    """Whether the file spells its cells, and they are in the benchmark's order."""


def keep(document: object) -> Kept:
    """Take the known metrics out of a file's value; InputError when it is another file than HW-NAS-Bench's."""
    if not isinstance(document, dict) or not {_NB201, _FBNET} & set(document):
        raise InputError(f"it holds no {_NB201!r} and no {_FBNET!r}; is it HW-NAS-Bench-v1_0.pickle?")
    left_out = [f"{_short(name)}: no space that is known" for name in document if name not in (_NB201, _FBNET)]
    cells: dict[tuple[str, Quantity], Columns] = {}
    spelled = []
    for dataset, content in _mapping(document.get(_NB201, {}), _NB201).items():
        if dataset not in _DATASETS:
            left_out.append(f"{_NB201}, {_short(dataset)}: no data set that is known")
            continue
        metrics = _mapping(content, f"{_NB201}, {dataset}")
        spelled.append(_check_order(metrics.get(_CONFIG), dataset))
        for device, quantity, name in _known(metrics, f"{_NB201}, {dataset}", left_out):
            values = _values(metrics[name])
            wrong = _fault(values)
            if wrong:
                left_out.append(f"{_NB201}, {dataset}, {name}: {wrong}")
            else:
                cells.setdefault((dataset, quantity), {})[device] = values
    layers = _layers(_mapping(document.get(_FBNET, {}), _FBNET), left_out)
    if not cells and not layers:
        raise InputError(f"no metric in it can be used: {'; '.join(left_out[:5])}")
    hidden = len(left_out) - _MAX_LEFT_OUT
    told = (*left_out[:_MAX_LEFT_OUT], *([f"and {hidden} more"] if hidden > 0 else []))
    return Kept(cells, layers, told, bool(spelled) and all(spelled))


def write_tables(kept: Kept, folder: Path) -> None:
    """One .npz a (space, data set, quantity), units in its name and in it; raises StorageError."""
    for (dataset, quantity), columns in kept.cells.items():
        words = _words(SpaceName.NB201, quantity)
        write_arrays(folder / f"nb201_{_DATASETS[dataset]}_{quantity}.npz", {**words, **columns})
    for quantity, tables in kept.layers.items():
        keys = sorted({key for table in tables.values() for key in table})
        by_key = {device: np.array([table.get(key, math.nan) for key in keys]) for device, table in tables.items()}
        arrays = {**_words(SpaceName.FBNET, quantity), _KEYS: np.array(keys), **by_key}
        write_arrays(folder / f"fbnet_layers_{quantity}.npz", arrays)


def load_layer_table(path: Path) -> dict[str, dict[str, float]]:
    """Device -> layer key -> figure, of a file ``fbnet_layers_...npz``; raises InputError.

    ``fbnet.total`` sums a network's figure from one device's table. Figures may be 0: what a simulator leaves out.
    """
    arrays = read_arrays(path)
    keys = arrays.pop(_KEYS, np.array([]))
    devices = {name: array for name, array in arrays.items() if name not in (SPACE, UNIT)}
    if keys.dtype.kind != "U" or keys.ndim != 1 or not devices:
        raise InputError(f"{path} is no table of layers: it has no list of keys, or no device")
    if any(array.dtype != np.float64 or array.shape != keys.shape for array in devices.values()):
        raise InputError(f"{path}: a device has not one number for each of the {len(keys)} keys")
    if any(np.isinf(array).any() or (array < 0).any() for array in devices.values()):
        raise InputError(f"{path}: a figure is negative or not finite")
    return {
        device: {str(key): value for key, value in zip(keys, array.tolist(), strict=True) if not math.isnan(value)}
        for device, array in devices.items()
    }


def _words(space: SpaceName, quantity: Quantity) -> dict[str, NDArray[Any]]:
    return {SPACE: np.array(space.value), UNIT: np.array(_UNITS[quantity])}


def _mapping(value: object, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is no dictionary; is it HW-NAS-Bench-v1_0.pickle?")
    return value


def _known(metrics: dict[Any, Any], where: str, left_out: list[str]) -> Iterator[tuple[str, Quantity, str]]:
    """Device, quantity and name of each metric with a known unit; the others are named."""
    for name in metrics:
        match = _METRIC.fullmatch(name) if isinstance(name, str) else None
        if match:
            yield match[1], _QUANTITIES[match[2]], name
        else:
            why = "describes the cells, measures nothing" if name == _CONFIG else "no latency or energy that is known"
            left_out.append(f"{where}, {_short(name)}: {why}")


def _values(metric: object) -> NDArray[np.float64]:
    """A list, a dictionary by index or an array of 15,625 numbers; empty when it is none of them."""
    if isinstance(metric, PlainArray) and metric.values is not None:
        if metric.values.shape == (CELLS,) and metric.values.dtype.kind in "iuf":
            return metric.values.astype(np.float64)
    elif isinstance(metric, dict | list | tuple) and len(metric) == CELLS:
        if isinstance(metric, dict) and list(metric) == list(range(CELLS)):
            metric = list(metric.values())
        if not isinstance(metric, dict) and all(type(value) in (int, float) for value in metric):
            return np.array(metric, np.float64)
    return np.empty(0)


def _fault(values: NDArray[np.float64]) -> str:
    if values.shape != (CELLS,):
        return f"not {CELLS} numbers"
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    return f"{len(wrong)} values are not finite or not above 0, the first is that of {wrong[0]}" if len(wrong) else ""


def _check_order(config: object, dataset: str) -> bool:
    """Whether the file spells its cells; InputError when they are in another order than the benchmark's."""
    if isinstance(config, dict):
        config = [config.get(index) for index in range(CELLS)]
    if not isinstance(config, list) or len(config) != CELLS:
        return False
    for index, (entry, ops) in enumerate(zip(config, benchmark_ops().tolist(), strict=True)):
        spelled = entry.get("arch_str") if isinstance(entry, dict) else None
        if not isinstance(spelled, str):
            return False
        if spelled != format_arch(ops):
            raise InputError(f"{_NB201}, {dataset}: cell {index} is {spelled!r:.120}, in NAS-Bench-201 it is another")
    return True


def _layers(metrics: dict[Any, Any], left_out: list[str]) -> dict[Quantity, dict[str, dict[str, float]]]:
    layers: dict[Quantity, dict[str, dict[str, float]]] = {}
    for device, quantity, name in _known(metrics, _FBNET, left_out):
        table = metrics[name]
        good = isinstance(table, dict) and 0 < len(table) <= _MAX_KEYS and all(map(_is_layer, table.items()))
        if good:
            layers.setdefault(quantity, {})[device] = {key: float(value) for key, value in table.items()}
        else:
            left_out.append(f"{_FBNET}, {name}: not one number, 0 or more, for each layer key")
    return layers


def _is_layer(item: tuple[object, object]) -> bool:
    key, value = item
    named = isinstance(key, str) and _KEY.fullmatch(key) is not None
    return named and isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _short(name: object) -> str:
    return f"{name!r:.60}"
