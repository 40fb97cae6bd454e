"""This very package as a wheel, made of the files that run now: no network, no build tool, same bytes every time.

Only what a board runs: the search, with its measured tables, is a hundred times larger and needs torch.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from nasc_sdk import __version__
from nasc_sdk.errors import InputError, StorageError

_NAME: Final = "nasc-sdk"
_PACKAGES: Final = ("nasc_sdk", "nasc_firmware")
_TAG: Final = "py3-none-any"
_WHEEL: Final = f"Wheel-Version: 1.0\nGenerator: nasc-sdk {__version__}\nRoot-Is-Purelib: true\nTag: {_TAG}\n"
_NOT_OURS: Final = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The ZIP format knows no earlier time."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel file in memory."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def own_wheel() -> Wheel:
    """As pip would build it; InputError where this package was not installed by pip."""
    try:
        found = distribution(_NAME)
    except PackageNotFoundError as error:
        raise InputError(f"{_NAME} was not installed by pip, so no wheel can be made of it: give --wheel") from error
    stem = f"{_NAME.replace('-', '_')}-{__version__}"
    info = f"{stem}.dist-info"
    files = {name: content for package in _PACKAGES for name, content in _files_of(package)}
    files |= {f"{info}/{name}": content for name, content in _metadata(found)}
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return Wheel(f"{stem}-{_TAG}.whl", memory.getvalue())


def read_wheel(path: Path) -> Wheel:
    """A wheel that someone built; InputError for what is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if path.suffix != ".whl" or not zipfile.is_zipfile(io.BytesIO(content)):
        raise InputError(f"{path} is no wheel: it is a ZIP file whose name ends with .whl, as pip wheel writes it")
    return Wheel(path.name, content)


def _files_of(package: str) -> Iterator[tuple[str, bytes]]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return
    root = Path(spec.submodule_search_locations[0])
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and path.suffix != ".pyc" and not set(inside.parts) & set(_NOT_OURS):
            yield f"{package}/{inside.as_posix()}", _read(path)


def _metadata(found: Distribution) -> Iterator[tuple[str, bytes]]:
    metadata = found.read_text("METADATA")
    assert metadata is not None
    # An editable installation keeps the version that it was made with.
    lines = [f"Version: {__version__}" if line.startswith("Version: ") else line for line in metadata.split("\n")]
    yield "METADATA", "\n".join(lines).encode()
    yield "WHEEL", _WHEEL.encode()
    points = (found.read_text("entry_points.txt") or "").split("\n")
    ours = [line for line in points if "=" not in line or line.partition("=")[2].strip().startswith(_PACKAGES)]
    yield "entry_points.txt", "\n".join(ours).encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError.of(path, error) from error


def _digest(content: bytes) -> str:
    """As PEP 427 asks: URL-safe base 64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
