"""Where imported tables are kept: a folder an import, which appears whole by one rename or not at all.

A folder is named after its source and the source's digest, holds the tables as .npz and says in ``manifest.json``
where they come from. Importing the same file again changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from nasc_sdk.durable import flush_directory, make_directory, write_durably
from nasc_sdk.errors import InputError, StorageError
from nasc_search.measured import hwnasbench
from nasc_search.measured.archive import read_bounded, unpack_arrays, write_arrays
from nasc_search.measured.confined import Outcome, convert
from nasc_search.measured.npz import UNIT, Quantity, SpaceName, load_measurements, of_arrays

MANIFEST: Final = "manifest.json"
_FORMAT: Final = 1
_PART: Final = ".part-"
_STALE_S: Final = 86_400
_LAYERS: Final = "fbnet_layers_"
_ENDING: Final = re.compile(r"(_latency|_energy)?(_ms|_us|_s|_mj)?$", re.IGNORECASE)
_ZIP: Final = b"PK"


class TableFile(msgspec.Struct, frozen=True):
    """One .npz of an import."""

    name: str
    sha256: str
    space: SpaceName
    quantity: Quantity
    unit: str
    devices: tuple[str, ...]
    rows: int
    """Architectures, or layer keys."""


class Manifest(msgspec.Struct, frozen=True):
    """What an import holds, and where it comes from."""

    source: str
    source_sha256: str
    source_bytes: int
    origin: str
    licence: str
    files: tuple[TableFile, ...]
    left_out: tuple[str, ...] = ()
    """What of the source is not kept, with the reason."""
    order_checked: bool = False
    """Whether the source spells its cells, and they are in the benchmark's order."""
    format: int = _FORMAT


class Imported(msgspec.Struct, frozen=True):
    """A folder of the shelf."""

    folder: str
    manifest: Manifest
    already_there: bool = False
    peak_memory_bytes: int = 0
    """Of the process that read the pickle; 0 when there was none."""


def default_shelf() -> Path:
    """Per user: ``$XDG_DATA_HOME/nasc-sdk/measured``, by default under ``~/.local/share``. Raises InputError."""
    home = os.environ.get("XDG_DATA_HOME", "")
    try:
        # The specification says that relative paths are to be ignored.
        base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise InputError("this user has no home folder; say where tables are kept with --into") from error
    return base / "nasc-sdk" / "measured"


def import_file(source: Path, shelf: Path) -> Imported:
    """Put a file's tables on the shelf: HW-NAS-Bench's pickle, or an .npz of measurements.

    Raises InputError when it cannot be used, StorageError; then the shelf is as before.
    """
    data = read_bounded(source)
    digest = hashlib.sha256(data).hexdigest()
    folder = make_directory(shelf) / f"{_safe(source.stem)}-{digest[:12]}"
    if folder.exists():
        return Imported(str(folder), read_manifest(folder), already_there=True)
    _forget_stale(shelf)
    try:
        part = Path(tempfile.mkdtemp(prefix=_PART, dir=shelf))
    except OSError as error:
        raise StorageError.of(shelf, error) from error
    try:
        peak = _fill(part, source, data, digest)
        _publish(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Imported(str(folder), read_manifest(folder), peak_memory_bytes=peak)


def shelved(shelf: Path) -> tuple[Imported, ...]:
    """All imports of a shelf, by name; none when there is no such folder. Raises InputError for a damaged one."""
    try:
        folders = sorted(path for path in shelf.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"cannot list {shelf}: {error.strerror or error}") from error
    return tuple(Imported(str(folder), read_manifest(folder)) for folder in folders if (folder / MANIFEST).exists())


def read_manifest(folder: Path) -> Manifest:
    """A folder's manifest, its files looked at; raises InputError when one is missing or has changed."""
    path = folder / MANIFEST
    again = f"remove {folder} and import the file again"
    try:
        manifest = msgspec.json.decode(read_bounded(path), type=Manifest)
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is no manifest ({error}); {again}") from error
    if manifest.format != _FORMAT:
        raise InputError(f"{path} has format {manifest.format}, this version reads {_FORMAT}; {again}")
    for file in manifest.files:
        if Path(file.name).name != file.name or _digest(folder / file.name) != file.sha256:
            raise InputError(f"{folder / file.name} is not what was imported; {again}")
    return manifest


def _fill(part: Path, source: Path, data: bytes, digest: str) -> int:
    """Tables and manifest in a folder that nobody sees yet; the peak memory of the process that read a pickle."""
    if data.startswith(_ZIP):
        _adopt(source, data, part)
        origin, licence, outcome = "a file of the user", "unstated", Outcome()
    elif source.suffix.lower() == ".npz" or not data:
        raise InputError(f"{source} is no .npz archive, or not whole; make the file again, or copy it again")
    else:
        outcome = convert(data, part, str(source))
        origin, licence = hwnasbench.ORIGIN, hwnasbench.LICENCE
    files = tuple(_look_at(path) for path in sorted(part.iterdir()))
    manifest = Manifest(
        source.name, digest, len(data), origin, licence, files, outcome.left_out, outcome.order_checked
    )
    write_durably(part / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return outcome.peak_memory_bytes


def _adopt(source: Path, data: bytes, part: Path) -> None:
    """An .npz of measurements as this project writes them: float64, milliseconds or millijoules, space and unit."""
    import numpy as np

    found = of_arrays(unpack_arrays(data, str(source)), source)
    stem = _ENDING.sub("", _safe(source.stem)) or "table"
    which = "index" if found.space is SpaceName.NB201 else "arch"
    words = {"space": np.array(found.space.value), UNIT: np.array(_unit(found.quantity)), which: found.arch}
    write_arrays(part / f"{stem}_{found.quantity}.npz", {**words, **found.devices})


def _look_at(path: Path) -> TableFile:
    """What is in a table that was just written: read as a stranger's file, whoever wrote it."""
    content = read_bounded(path)
    digest = hashlib.sha256(content).hexdigest()
    if path.name.startswith(_LAYERS):
        tables = hwnasbench.load_layer_table(path)
        quantity = Quantity(path.stem.removeprefix(_LAYERS))
        rows = len({key for table in tables.values() for key in table})
        return TableFile(path.name, digest, SpaceName.FBNET, quantity, _unit(quantity), tuple(tables), rows)
    found = load_measurements(path)
    unit = _unit(found.quantity)
    return TableFile(path.name, digest, found.space, found.quantity, unit, tuple(found.devices), len(found.arch))


def _publish(part: Path, folder: Path) -> None:
    """Flush what is in the folder, then give it its name; another import of the same file may have been faster."""
    try:
        for path in part.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        part.chmod(0o755)
        flush_directory(part)
        part.rename(folder)
        flush_directory(folder.parent)
    except OSError as error:
        if not (folder / MANIFEST).exists():
            raise StorageError.of(folder, error) from error


def _forget_stale(shelf: Path) -> None:
    """Remove what imports that were killed a day ago or more have left."""
    for path in shelf.glob(f"{_PART}*"):
        try:
            stale = time.time() - path.stat().st_mtime > _STALE_S
        except OSError:
            continue
        if stale:
            shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(read_bounded(path)).hexdigest()
    except InputError:
        return ""


def _unit(quantity: Quantity) -> str:
    return "ms" if quantity is Quantity.LATENCY_MS else "mJ"


def _safe(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", stem).lstrip(".")[:80] or "table"
