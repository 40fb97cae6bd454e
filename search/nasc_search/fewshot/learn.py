"""From a thoroughly measured device to its coefficients: what a prior is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Basis, Reach, basis_of
from nasc_search.fewshot.known import KnownDevice, KnownTable, family_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.measured.npz import Measurements

    Array = NDArray[np.float64]

_ROWS_PER_COEFFICIENT: Final = 5
"""Fewer measurements than this do not make a known device: that is what few-shot prediction is for."""
_SHRINKAGE: Final = 1e-6
"""Of the prior's weight: enough to settle coefficients that data leave open, as operators against their edges."""


def learn(measurements: Measurements, name: str) -> KnownDevice:
    """Coefficients of one device; of what a device may run, the one that explains its figures best.

    InputError when there are fewer than five measurements a coefficient, or no such device.
    """
    if name not in measurements.devices:
        raise InputError(f"no device {name}; the file holds {', '.join(sorted(measurements.devices))}")
    basis, values = basis_of(measurements.space), measurements.devices[name]
    least = _ROWS_PER_COEFFICIENT * len(basis.names)
    if len(values) < least:
        raise InputError(f"{name}: {len(values)} measurements; a known device takes at least {least}")
    mean = float(values.mean())
    fits = [(*_fit(basis, reach, measurements.arch, values / mean), reach) for reach in basis.reaches]
    noise, coefficients, reach = min(fits, key=lambda fit: fit[0])
    return KnownDevice(name, family_of(name), reach, mean, noise, coefficients)


def _fit(basis: Basis, reach: Reach, arch: NDArray[np.int64], relative: Array) -> tuple[float, Array]:
    """Residual deviation and coefficients by ridge, twice: the second time without what the first cannot explain."""
    features = basis.features(arch, reach)
    precision = np.diag(_SHRINKAGE / np.square(basis.spread))
    keep = np.ones(len(relative), bool)
    for _ in range(2):
        rows = features[keep]
        coefficients = np.linalg.solve(rows.T @ rows + precision, rows.T @ relative[keep])
        residual = relative - features @ coefficients
        robust = 1.4826 * float(np.median(np.abs(residual)))
        # A robust deviation: single measurements, ten times off, would move everything.
        keep = np.abs(residual) <= max(6 * robust, 1e-6)
    return float(residual[keep].std()), coefficients


def learn_table(
    files: Sequence[Measurements], names: dict[str, str], origin: str, licence: str, command: str
) -> KnownTable:
    """Known devices of several files of one space and quantity; ``names`` picks and renames (empty: all as they are).

    InputError when files differ in space or quantity, when two hold a device of one name, or none holds one of
    ``names``.
    """
    space, quantity = files[0].space, files[0].quantity
    found: dict[str, KnownDevice] = {}
    for measurements in files:
        if (measurements.space, measurements.quantity) != (space, quantity):
            raise InputError(
                f"one table takes one space and quantity; these files hold {space.value} {quantity.value} "
                f"and {measurements.space.value} {measurements.quantity.value}"
            )
        for name in measurements.devices:
            if names and name not in names:
                continue
            new = names.get(name, name)
            if new in found:
                raise InputError(f"device {new} comes twice; pick one with --device, or rename it with =NEW")
            found[new] = replace(learn(measurements, name), name=new, family=family_of(new))
    missing = set(names) - {name for measurements in files for name in measurements.devices}
    if missing or not found:
        raise InputError(f"no device {', '.join(sorted(missing)) or 'at all'} in the files")
    return KnownTable(space, quantity, origin, licence, command, tuple(found.values()))
