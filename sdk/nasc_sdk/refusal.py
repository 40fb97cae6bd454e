"""The stable code that a device reports when an installation or a download did not happen."""

from __future__ import annotations

from nasc_sdk.errors import ArtifactError, NascError, RefusedError, StorageError, UnreachableError


def code_of(error: NascError) -> str:
    """Stable code of whatever kept an installation from happening."""
    match error:
        case RefusedError():
            return error.code
        case ArtifactError():
            return "digest_mismatch"
        case StorageError():
            return "disk_full" if error.full else "storage_failed"
        case UnreachableError():
            return "unreachable"
        case _:
            return "bad_bundle"
