"""A half-fetched artifact on disk, so that a crash or a lost broker costs only what was on its way.

``<sha256>.part`` holds the data, each chunk at its own place. ``<sha256>.held`` grows by one record a chunk, its
index and CRC-32. Nothing is flushed while chunks arrive: on resuming, a chunk counts only when its bytes have the
CRC-32 of its record, whatever a power cut left of the two files.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from nasc_sdk.durable import flush_directory, make_directory
from nasc_sdk.errors import StorageError
from nasc_sdk.protocol.chunks import CHUNK_BYTES, Chunk, chunk_count, chunk_length
from nasc_sdk.protocol.messages import Artifact

_RECORD: Final = struct.Struct(">II")
_STALE_S: Final = 24 * 3600.0


class Partial:
    """Opened files of one artifact; :meth:`install` and :meth:`discard` end them, closing keeps them for later.

    Every method raises StorageError when the disk refuses; both files are gone then.
    """

    def __init__(self, directory: Path, artifact: Artifact) -> None:
        self.target = directory / artifact.sha256
        self._artifact = artifact
        self._data_path = directory / f"{artifact.sha256}.part"
        self._held_path = directory / f"{artifact.sha256}.held"
        self._files = contextlib.ExitStack()
        make_directory(directory)
        _remove_stale(directory)
        with self._refusing():
            self._data = self._open(self._data_path)
            self._records = self._open(self._held_path)
            self._reserve()
            self.held = frozenset(self._read_held())

    def write(self, chunk: Chunk) -> None:
        """Store a chunk."""
        with self._refusing():
            self._data.seek(chunk.index * CHUNK_BYTES)
            self._data.write(chunk.data)
            self._data.flush()
            self._records.write(_RECORD.pack(chunk.index, zlib.crc32(chunk.data)))
            self._records.flush()

    def pieces(self) -> Iterator[bytes]:
        """The data in order."""
        with self._refusing():
            for index in range(chunk_count(self._artifact.size)):
                yield self._read(index)

    def install(self) -> Path:
        """Flush to the disk and give the artifact its name."""
        with self._refusing():
            os.fsync(self._data.fileno())
            self.close()
            self._data_path.replace(self.target)
            self._held_path.unlink(missing_ok=True)
            flush_directory(self.target.parent)
        return self.target

    def discard(self) -> None:
        """Remove both files."""
        # What is in a buffer cannot be written when the disk is full, and is not wanted.
        with contextlib.suppress(OSError):
            self.close()
        for path in (self._data_path, self._held_path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files and keep them."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, path: Path) -> BinaryIO:
        # Not "a+b": appending ignores seek, and "r+b" alone does not create.
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        return self._files.enter_context(os.fdopen(handle, "r+b"))

    def _reserve(self) -> None:
        """Hold the room before a chunk is asked for: a full disk shows now, not after a long transfer."""
        os.truncate(self._data_path, self._artifact.size)
        if sys.platform == "linux":
            os.posix_fallocate(self._data.fileno(), 0, self._artifact.size)

    def _read_held(self) -> Iterator[int]:
        """Indices of chunks whose bytes are as recorded; the next record goes after the last whole one."""
        text = self._records.read()
        whole = len(text) - len(text) % _RECORD.size
        self._records.seek(whole)
        total = chunk_count(self._artifact.size)
        for index, checksum in dict(_RECORD.iter_unpack(text[:whole])).items():
            if index < total and zlib.crc32(self._read(index)) == checksum:
                yield index

    def _read(self, index: int) -> bytes:
        self._data.seek(index * CHUNK_BYTES)
        return self._data.read(chunk_length(self._artifact.size, index))

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.discard()
            raise StorageError(str(self.target), error.strerror or str(error)) from error


def _remove_stale(directory: Path) -> None:
    """Partial artifacts nobody came back for would fill a small disk in time."""
    oldest = time.time() - _STALE_S
    for pattern in ("*.part", "*.held"):
        for path in directory.glob(pattern):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
