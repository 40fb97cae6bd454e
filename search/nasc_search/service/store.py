"""The service's memory: one SQLite file, so that a restart forgets nothing.

WAL with ``synchronous=FULL``: what was acknowledged survives a power cut. Documents are JSON; the schema's version is
``PRAGMA user_version`` and every step from an older one is in ``_MIGRATIONS``.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from nasc_sdk.errors import InputError, StorageError

_MIGRATIONS: Final = (
    """
    CREATE TABLE documents (
        kind TEXT NOT NULL, device TEXT NOT NULL, unix_s REAL NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (kind, device)
    ) WITHOUT ROWID;
    CREATE TABLE accuracies (weights TEXT NOT NULL, arch TEXT NOT NULL, accuracy REAL NOT NULL,
        PRIMARY KEY (weights, arch)) WITHOUT ROWID;
    CREATE TABLE artifacts (sha256 TEXT PRIMARY KEY, unix_s REAL NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE deployments (
        id INTEGER PRIMARY KEY, device TEXT NOT NULL, unix_s REAL NOT NULL, body BLOB NOT NULL
    );
    """,
    # 2: the versions of DeployDesired only grow, whatever happens to the deployments' rows.
    "CREATE TABLE versions (device TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;",
)
_KEEP_DEPLOYMENTS: Final = 1000

T = TypeVar("T")


class Store:
    """Devices' documents (state, profile, cost model, link, goal), accuracies, artifacts and deployments."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # isolation_level None: transactions are opened where they are meant.
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise StorageError(str(path), str(error)) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def put(self, kind: str, device: str, document: Any) -> None:
        """Keep the newest document of a kind for a device."""
        body = msgspec.json.encode(document)
        self._write(
            "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT (kind, device) "
            "DO UPDATE SET unix_s = excluded.unix_s, body = excluded.body",
            (kind, device, time.time(), body),
        )

    def get(self, kind: str, device: str, of: type[T]) -> T | None:
        """The document, None when there is none; InputError when an older program's cannot be read."""
        rows = self._read("SELECT body FROM documents WHERE kind = ? AND device = ?", (kind, device))
        if not rows:
            return None
        return self._decode(rows[0][0], of, f"{kind} of {device}")

    def devices(self, kind: str) -> tuple[str, ...]:
        """Devices that have a document of this kind."""
        return tuple(row[0] for row in self._read("SELECT device FROM documents WHERE kind = ?", (kind,)))

    def put_accuracy(self, weights: str, arch: str, accuracy: float) -> None:
        """Keep a real evaluation; ``weights`` is the digest of the supernet it belongs to."""
        self._write("INSERT OR REPLACE INTO accuracies VALUES (?, ?, ?)", (weights, arch, accuracy))

    def accuracies(self, weights: str) -> dict[str, float]:
        """All real evaluations of a supernet."""
        return dict(self._read("SELECT arch, accuracy FROM accuracies WHERE weights = ?", (weights,)))

    def put_artifact(self, sha256: str, data: bytes) -> None:
        """Keep bytes that devices may still ask for after a restart."""
        self._write("INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?)", (sha256, time.time(), data))

    def artifacts(self) -> dict[str, bytes]:
        """All kept artifacts by digest."""
        return dict(self._read("SELECT sha256, data FROM artifacts", ()))

    def keep_artifacts(self, digests: frozenset[str]) -> None:
        """Forget all artifacts but these."""
        marks = ",".join("?" * len(digests))
        self._write(f"DELETE FROM artifacts WHERE sha256 NOT IN ({marks})", tuple(sorted(digests)))

    def next_version(self, device: str, after: int = 0) -> int:
        """A version for DeployDesired, greater than all before and than ``after``."""
        rows = self._read(
            "INSERT INTO versions VALUES (?, ?) ON CONFLICT (device) "
            "DO UPDATE SET version = max(version + 1, excluded.version) RETURNING version",
            (device, after + 1),
        )
        return int(rows[0][0])

    def add_deployment(self, device: str, document: Any) -> None:
        """Append to the history, of which the last thousand are kept."""
        body = msgspec.json.encode(document)
        self._write("INSERT INTO deployments (device, unix_s, body) VALUES (?, ?, ?)", (device, time.time(), body))
        self._write(
            "DELETE FROM deployments WHERE id <= (SELECT max(id) FROM deployments) - ?", (_KEEP_DEPLOYMENTS,)
        )

    def deployments(self, device: str, of: type[T], count: int = 20) -> tuple[T, ...]:
        """The newest deployments of a device, newest first; InputError like :meth:`get`."""
        rows = self._read(
            "SELECT body FROM deployments WHERE device = ? ORDER BY id DESC LIMIT ?", (device, count)
        )
        return tuple(self._decode(row[0], of, f"deployment of {device}") for row in rows)

    def _migrate(self) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found > len(_MIGRATIONS):
            self._db.close()
            raise InputError(f"{self._path} was written by a newer nasc-sdk (schema {found})")
        for version in range(found, len(_MIGRATIONS)):
            self._db.executescript(
                f"BEGIN IMMEDIATE; {_MIGRATIONS[version]} PRAGMA user_version={version + 1}; COMMIT;"
            )

    def _decode(self, body: bytes, of: type[T], what: str) -> T:
        try:
            return msgspec.json.decode(body, type=of)
        except msgspec.DecodeError as error:
            raise InputError(f"{self._path}: {what} cannot be read: {error}") from error

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(str(self._path), str(error)) from error

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        try:
            with self._lock:
                self._db.execute(sql, values)
        except sqlite3.Error as error:
            full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            raise StorageError(str(self._path), str(error), full=full) from error
