"""Per-layer latencies of FBNet's layers, as recovered from the totals of whole networks: ``FILE.json:DEVICE``.

A total is a constant and, for each layer, what its operator takes more than ``skip``: totals tell no more than that.
Stem, head and the skips of all layers are in the constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.measured.archive import read_bounded
from nasc_search.measured.entry import Entry
from nasc_search.measured.fbnet import OPS, SKIP, LayerShape, layer_shapes

Array = NDArray[np.float64]
_ROUNDING_MS: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LayerTable:
    """One device, milliseconds."""

    constant_ms: float
    """Stem, head and all skips."""
    relative_ms: Array
    """[22, 9] What an operator takes more than ``skip``, which is 0."""
    r2: float
    """Cross-validated, of the fit that recovered it."""
    residual_ms: float
    """Largest difference between a total and its sum."""

    def total_ms(self, codes: NDArray[np.int64]) -> Array:
        """[n] Of networks, [n, 22]."""
        each = self.relative_ms[np.arange(len(self.relative_ms)), codes]
        return np.asarray(self.constant_ms + each.sum(axis=1), np.float64)


class _Layer(msgspec.Struct, frozen=True, rename={"size": "H_in", "inputs": "C_in", "outputs": "C_out"}):
    size: int
    inputs: int
    outputs: int
    stride: int
    shape_id: int

    @property
    def shape(self) -> LayerShape:
        return LayerShape(self.size, self.inputs, self.outputs, self.stride)


class _Device(msgspec.Struct, frozen=True, rename={"r2": "cv5_R2", "residual_ms": "max_abs_residual_ms"}):
    intercept_ms: float
    rel_ms: list[list[float]]
    r2: float
    residual_ms: float


class _File(msgspec.Struct, frozen=True):
    unit: str
    ops: list[str]
    layers: list[_Layer]
    devices: dict[str, _Device]


def read_layer_table(entry: Entry) -> LayerTable:
    """The table of a device.

    InputError naming what is wrong: a device that is not there, layers or operators of another space, values that are
    no numbers, or less than nothing.
    """
    where = f"{entry.path}"
    try:
        read = msgspec.json.decode(read_bounded(entry.path), type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{where} is no table of layer latencies ({error}): unit, ops, layers and devices are needed, each device "
            "with intercept_ms, rel_ms, cv5_R2 and max_abs_residual_ms, all numbers"
        ) from error
    if entry.name not in read.devices:
        raise InputError(f"{where}: no device {entry.name!r}; it holds {', '.join(sorted(read.devices)) or 'none'}")
    _check_space(read, where)
    return _table(read.devices[entry.name], [layer.shape_id for layer in read.layers], f"{where}, {entry.name}")


def _check_space(read: _File, where: str) -> None:
    if read.unit != "ms":
        raise InputError(f"{where}: latencies are in ms, not in {read.unit!r:.20}")
    if tuple(read.ops) != OPS:
        raise InputError(f"{where}: operators are not FBNet's, in this order: {', '.join(OPS)}")
    wanted, found = layer_shapes("cifar100"), tuple(layer.shape for layer in read.layers)
    if len(found) != len(wanted):
        raise InputError(f"{where}: {len(found)} layers; FBNet has {len(wanted)}")
    wrong = [number for number, (one, other) in enumerate(zip(found, wanted, strict=True)) if one != other]
    if wrong:
        raise InputError(f"{where}: layer {wrong[0]} is {found[wrong[0]]}, not FBNet's {wanted[wrong[0]]}")


def _table(device: _Device, shapes: list[int], where: str) -> LayerTable:
    lengths = {len(row) for row in device.rel_ms}
    if lengths != {len(OPS)} or not 0 <= min(shapes) <= max(shapes) < len(device.rel_ms):
        raise InputError(
            f"{where}: rel_ms holds {len(device.rel_ms)} rows of {sorted(lengths)} values; a row of {len(OPS)} for "
            f"each shape_id up to {max(shapes)} is needed"
        )
    relative = np.array(device.rel_ms, np.float64)[shapes]
    if not (np.isfinite(relative).all() and np.isfinite(device.intercept_ms)):
        raise InputError(f"{where}: a latency is not a finite number")
    if np.abs(relative[:, SKIP]).max() > _ROUNDING_MS:
        raise InputError(f"{where}: rel_ms is relative to skip, whose column is 0; its own times are in intercept_ms")
    # A fit of noisy totals may come out a little below zero, which no operator takes.
    least = min(device.intercept_ms, float(relative.min()))
    if least < -max(device.residual_ms, _ROUNDING_MS):
        raise InputError(
            f"{where}: {least:.4g} ms is less than no time, by more than the table's own error of "
            f"{device.residual_ms:.3g} ms; measure again, or fit without negative times"
        )
    return LayerTable(max(device.intercept_ms, 0.0), np.maximum(relative, 0.0), device.r2, device.residual_ms)
