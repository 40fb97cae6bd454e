"""An artifact on its way to the disk: chunks in any order, kept over a crash, under its final name only when whole.

The file ``<sha256>.part`` holds the data in place and, behind it, one slot a chunk: index + 1 and CRC-32 of the
chunk's data. A slot counts only when the data still has that CRC, so it does not matter which of the two a crash
kept. The slots are cut off before the file gets its final name.
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
from typing import Final, Self

from nasc_sdk.durable import flush_directory, make_directory
from nasc_sdk.errors import StorageError
from nasc_sdk.protocol.chunks import CHUNK_BYTES, Chunk, chunk_count, chunk_length
from nasc_sdk.protocol.messages import Artifact

_SLOT: Final = struct.Struct(">II")
STALE_S: Final = 24 * 3600.0
"""Partial files not written to for so long are removed when another artifact is fetched."""


class PartialFile:
    """Opens or continues a partial file. Every method raises StorageError and then leaves no partial file."""

    def __init__(self, artifact: Artifact, directory: Path) -> None:
        self._artifact = artifact
        self.path = make_directory(directory) / artifact.sha256
        self._part = directory / f"{artifact.sha256}.part"
        _remove_stale(directory)
        with self._storing():
            self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                _lock(self._file)
                self._reserve()
            except OSError:
                os.close(self._file)
                raise

    def held(self) -> list[int]:
        """Indices of the chunks that an earlier attempt stored."""
        with self._storing():
            return [index for index in range(chunk_count(self._artifact.size)) if self._is_held(index)]

    def store(self, chunk: Chunk) -> None:
        """Keep a chunk."""
        with self._storing():
            self._write(chunk.data, chunk.index * CHUNK_BYTES)
            self._write(_SLOT.pack(chunk.index + 1, zlib.crc32(chunk.data)), self._slot(chunk.index))

    def data(self) -> Iterator[bytes]:
        """All data, in order."""
        for index in range(chunk_count(self._artifact.size)):
            with self._storing():
                piece = self._chunk(index)
            yield piece

    def install(self) -> Path:
        """Give the file its final name, durably."""
        with self._storing():
            os.ftruncate(self._file, self._artifact.size)
            os.fsync(self._file)
            self._part.replace(self.path)
            flush_directory(self.path.parent)
        return self.path

    def remove(self) -> None:
        """Keep nothing of it."""
        with contextlib.suppress(OSError):
            self._part.unlink()

    def close(self) -> None:
        """Stop for now; what is stored stays for the next attempt."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reserve(self) -> None:
        """Hold the room before a chunk is asked for: a full disk shows now, not after a long transfer."""
        if sys.platform == "linux":
            os.posix_fallocate(self._file, 0, self._slot(chunk_count(self._artifact.size)))

    def _slot(self, index: int) -> int:
        return self._artifact.size + _SLOT.size * index

    def _chunk(self, index: int) -> bytes:
        return os.pread(self._file, chunk_length(self._artifact.size, index), index * CHUNK_BYTES)

    def _is_held(self, index: int) -> bool:
        slot = os.pread(self._file, _SLOT.size, self._slot(index))
        if len(slot) != _SLOT.size:
            return False
        mark, checksum = _SLOT.unpack(slot)
        return bool(mark == index + 1) and zlib.crc32(self._chunk(index)) == checksum

    def _write(self, data: bytes, offset: int) -> None:
        # A disk that fills up takes a part first and refuses the rest.
        while data:
            written = os.pwrite(self._file, data, offset)
            data, offset = data[written:], offset + written

    @contextlib.contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise StorageError(str(self._part), "another process is fetching the same artifact") from error
        except OSError as error:
            self.remove()
            raise StorageError.of(self._part, error) from error


def _remove_stale(directory: Path) -> None:
    """Partial artifacts nobody came back for would fill a small disk in time."""
    oldest = time.time() - STALE_S
    for path in directory.glob("*.part"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _lock(file: int) -> None:
    """Two processes on one partial file would cut each other's slots off; the kernel unlocks with the last close."""
    if os.name != "posix":
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
