"""Files that survive a crash: either the old content or the new, never a mixture."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nasc_sdk.errors import InputError, StorageError


def write_durably(path: Path, data: bytes, *, before_rename: Callable[[], None] = lambda: None) -> None:
    """Replace a file's content; on return it is on the disk. Raises StorageError and leaves the old file.

    The parent directory must exist. Written beside, flushed, renamed, and the directory flushed: without the
    first flush a power cut can leave an empty file under the new name. A process killed in between leaves
    ``<name>.<pid>.part``; ``before_rename`` is where tests kill it.
    """
    if not path.name:
        raise StorageError(str(path), "it is a directory")
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            before_rename()
            beside.replace(path)
            flush_directory(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError.of(path, error) from error


def make_directory(path: Path) -> Path:
    """Create a directory with its parents; raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError.of(path, error) from error
    return path


@contextlib.contextmanager
def sole_user(directory: Path) -> Iterator[None]:
    """Two processes must not keep their state in one place; InputError when another one is there already.

    The system lets go of the lock when a process ends, however it ends.
    """
    path = make_directory(directory) / "lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise StorageError.of(path, error) from error
    with file:
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                raise InputError(
                    f"{directory} is in use by process {owner}; stop it, or give another --state-dir"
                ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def next_session(directory: Path) -> int:
    """Number of this start of the process, one more than at the last; kept in ``directory/session``.

    An unreadable counter starts again at 1, which costs nothing but a retained state that looks newer.
    """
    path = make_directory(directory) / "session"
    try:
        last = int(path.read_text())
    except (OSError, ValueError):
        last = 0
    session = max(last, 0) + 1
    write_durably(path, f"{session}\n".encode())
    return session


def flush_directory(directory: Path) -> None:
    """Make what was created, renamed or removed in a directory last; raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
