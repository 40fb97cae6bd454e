"""What a board holds, on disk: bundles by digest, and two records of which the newest valid one counts.

Rule 1: a bundle is on the disk, under its digest, before any record names it.
Rule 2: a commit replaces the older record, so that the one in force stays until the new one is complete.
Rule 3: a record whose checksum is wrong, or one of whose bundles is not what its name says, does not count.
Rule 4: bundles that neither record names go after the commit, never before.

So whenever the process is killed, what :meth:`HeadStore.records` names first is the old state or the new one.
"""

from __future__ import annotations

import contextlib
import logging
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from nasc_sdk.agent import faults
from nasc_sdk.bundle import sha256
from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import ArtifactError
from nasc_sdk.protocol.messages import Count, Sha256

_RECORDS: Final = ("record-0.json", "record-1.json")
_SUFFIX: Final = ".nascb"

_log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True):
    """One committed state."""

    sequence: Count
    version: Count
    """Of the DeployDesired it came from."""
    digests: tuple[Sha256, ...]
    """Bundles in order; the first one runs."""


class _Sealed(msgspec.Struct, frozen=True):
    crc32: int
    record: msgspec.Raw


class HeadStore:
    """The bundles and records under ``state_dir``. One process, one thread at a time."""

    def __init__(self, state_dir: Path) -> None:
        """Raises StorageError."""
        self._directory = make_directory(state_dir)
        self._bundles = make_directory(state_dir / "bundles")

    def load(self) -> Record | None:
        """The newest record whose bundles are all what their names say."""
        return next(self.records(), None)

    def records(self) -> Iterator[Record]:
        """Records that count (Rule 3), newest first; checked as they are asked for."""
        held = [record for record in map(self._read_record, _RECORDS) if record is not None]
        for record in sorted(held, key=lambda record: record.sequence, reverse=True):
            if self._is_whole(record):
                yield record

    def read(self, digest: str) -> bytes:
        """Bytes of a bundle; raises ArtifactError when it is missing or damaged."""
        try:
            data = self._path(digest).read_bytes()
        except OSError as error:
            raise ArtifactError(digest, error.strerror or str(error)) from error
        if sha256(data) != digest:
            raise ArtifactError(digest, "damaged on disk")
        return data

    def keep(self, data: bytes) -> str:
        """Put a bundle on the disk and return its digest; raises StorageError. It goes at the next
        :meth:`collect` unless a record names it.
        """  # fmt: skip
        digest = sha256(data)
        with contextlib.suppress(ArtifactError):
            self.read(digest)
            return digest
        write_durably(self._path(digest), data, before_rename=lambda: faults.reach(faults.BUNDLE_PART))
        faults.reach(faults.BUNDLE_STORED)
        return digest

    def commit(self, version: int, digests: Sequence[str]) -> Record:
        """Make kept bundles the state, in one step; raises StorageError (the old state stays) or ArtifactError
        when one is not kept.
        """  # fmt: skip
        for digest in digests:
            self.read(digest)
        faults.reach(faults.BUNDLES_STORED)
        slots = {name: self._read_record(name) for name in _RECORDS}
        sequence = 1 + max((record.sequence for record in slots.values() if record is not None), default=0)
        record = Record(sequence, version, tuple(digests))
        self._write_record(self._victim(slots), record)
        faults.reach(faults.RECORD_STORED)
        self.collect()
        faults.reach(faults.COLLECTED)
        return record

    def collect(self) -> None:
        """Remove bundles that neither record names, and what killed writes left; never raises."""
        named = {
            self._path(digest)
            for name in _RECORDS
            if (record := self._read_record(name)) is not None
            for digest in record.digests
        }
        try:
            leftovers = [path for path in self._bundles.iterdir() if path not in named]
            leftovers += self._directory.glob("record-*.part")
        except OSError as error:
            _log.warning("cannot look for what killed writes left: %s", error)
            return
        for path in leftovers:
            _remove(path)

    def forget_others(self, digests: Sequence[str]) -> None:
        """Where room is short: keep only records of exactly these bundles, and what they name; never raises."""
        for name in _RECORDS:
            record = self._read_record(name)
            if record is not None and record.digests != tuple(digests):
                _remove(self._directory / name)
        self.collect()

    def _victim(self, slots: dict[str, Record | None]) -> str:
        """The slot to overwrite: one that does not count, else the older one."""

        def worth(name: str) -> tuple[bool, int]:
            record = slots[name]
            return (False, 0) if record is None else (self._is_whole(record), record.sequence)

        return min(slots, key=worth)

    def _path(self, digest: str) -> Path:
        return self._bundles / f"{digest}{_SUFFIX}"

    def _is_whole(self, record: Record) -> bool:
        try:
            for digest in record.digests:
                self.read(digest)
        except ArtifactError as error:
            _log.warning("version %d cannot be used: %s", record.version, error)
            return False
        return True

    def _write_record(self, name: str, record: Record) -> None:
        body = msgspec.json.encode(record)
        data = msgspec.json.encode(_Sealed(zlib.crc32(body), msgspec.Raw(body)))
        write_durably(self._directory / name, data, before_rename=lambda: faults.reach(faults.RECORD_PART))

    def _read_record(self, name: str) -> Record | None:
        """The record in a slot; None when there is none or its checksum is wrong."""
        try:
            sealed = msgspec.json.decode((self._directory / name).read_bytes(), type=_Sealed)
            if zlib.crc32(sealed.record) != sealed.crc32:
                raise msgspec.ValidationError("wrong checksum")
            return msgspec.json.decode(sealed.record, type=Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            _log.warning("%s does not count: %s", name, error)
            return None


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        _log.warning("cannot remove %s: %s", path, error)
