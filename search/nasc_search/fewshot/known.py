"""KnownDevice: coefficients of a device that was measured thoroughly, and the ones that ship with the package."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Reach, basis_of
from nasc_search.measured.npz import Quantity, SpaceName

_SCHEMA: Final = 1
_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """What our fit found; ``coefficients`` are relative to ``mean``."""

    name: str
    family: str
    """Devices of one family resemble each other and share one vote in a prior."""
    reach: Reach
    mean: float
    """Mean figure of a network, in the unit of the table."""
    noise: float
    """Relative standard deviation of measurements around the fit."""
    coefficients: NDArray[np.float64]
    """[features], as the space's basis names them."""


@dataclass(frozen=True, slots=True)
class KnownTable:
    """Known devices of one space and quantity, and where they come from."""

    space: SpaceName
    quantity: Quantity
    origin: str
    licence: str
    command: str
    """What made the table."""
    devices: tuple[KnownDevice, ...]

    def without(self, name: str) -> tuple[KnownDevice, ...]:
        """Devices whose name neither holds ``name`` nor is held by it, so that none was fitted on it.

        ``edgegpu`` stays out for ``rice_edgegpu`` too: files name one device in several ways.
        """
        wanted = name.lower()
        return tuple(
            device
            for device in self.devices
            if wanted not in device.name.lower() and device.name.lower() not in wanted
        )

    def select(self, names: Iterable[str]) -> tuple[KnownDevice, ...]:
        """Devices of these names; InputError for a name that is not in the table."""
        by_name = {device.name: device for device in self.devices}
        wanted = list(names)
        unknown = [name for name in wanted if name not in by_name]
        if unknown:
            raise InputError(f"no known device {', '.join(unknown)}; there are {', '.join(sorted(by_name))}")
        return tuple(by_name[name] for name in wanted)


def family_of(name: str) -> str:
    """Family by name: desktop graphics cards, server processors, or each other device as one of many at the edge."""
    lowered = name.lower()
    if any(mark in lowered for mark in ("1080ti", "2080ti", "titan", "gtx")):
        return "graphics card"
    if any(mark in lowered for mark in ("gold", "silver", "i7", "xeon")):
        return "server processor"
    return "edge"


def shipped(space: SpaceName) -> KnownTable:
    """The table of latencies that ships with the package."""
    resource = files("nasc_search.fewshot").joinpath("known", f"{space.value}_{Quantity.LATENCY_MS.value}.json")
    return decode_table(json.loads(resource.read_text()))


def known_table(path: Path | None, space: SpaceName, quantity: Quantity) -> KnownTable:
    """The table of this file, or the shipped one; InputError when a file's is of another space or quantity.

    No energies ship. Coefficients are relative to a network's mean, and energy goes with time: latencies stand in.
    """
    if path is None:
        return shipped(space)
    table = read_table(path)
    if (table.space, table.quantity) != (space, quantity):
        raise InputError(f"{path} knows {table.quantity} in {table.space}; {quantity} in {space} is asked for")
    return table


def read_table(path: Path) -> KnownTable:
    """A table that ``nasc-sdk prior fit`` wrote; InputError when it is none."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table of known devices: {error}") from error
    return decode_table(data, str(path))


def write_table(path: Path, table: KnownTable) -> None:
    """Write atomically, rounded so that the file's bytes are the same on every machine."""
    write_durably(path, (json.dumps(encode_table(table), indent=1) + "\n").encode())


def encode_table(table: KnownTable) -> dict[str, Any]:
    """Plain data, rounded to five significant digits."""
    return {
        "schema": _SCHEMA,
        "space": table.space.value,
        "quantity": table.quantity.value,
        "origin": table.origin,
        "licence": table.licence,
        "command": table.command,
        "features": list(basis_of(table.space).names),
        "devices": {
            device.name: {
                "family": device.family,
                "reach": device.reach.value,
                "mean": _rounded(device.mean),
                "noise": _rounded(device.noise),
                "coefficients": [_rounded(value) for value in device.coefficients.tolist()],
            }
            for device in table.devices
        },
    }


def decode_table(data: Any, where: str = "shipped table") -> KnownTable:
    """Inverse of :func:`encode_table`; InputError when the data is not a table of this version's features."""
    try:
        space = SpaceName(data["space"])
        if data["schema"] != _SCHEMA or tuple(data["features"]) != basis_of(space).names:
            raise InputError(f"{where}: made for other features; make it again with `nasc-sdk prior fit`")
        devices = tuple(_device(name, item, len(data["features"])) for name, item in data["devices"].items())
        quantity = Quantity(data["quantity"])
        return KnownTable(space, quantity, data["origin"], data["licence"], data["command"], devices)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where}: not a table of known devices: {error!r}") from error


def _device(name: str, item: dict[str, Any], size: int) -> KnownDevice:
    coefficients = np.asarray(item["coefficients"], np.float64)
    mean, noise = float(item["mean"]), float(item["noise"])
    if coefficients.shape != (size,) or not np.isfinite([*coefficients, mean, noise]).all() or mean <= 0 or noise < 0:
        raise ValueError(f"{name}: {coefficients.size} coefficients, mean {mean}, noise {noise}")
    return KnownDevice(name, str(item["family"]), Reach(item["reach"]), mean, noise, coefficients)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
