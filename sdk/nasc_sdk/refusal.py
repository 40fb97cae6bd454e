"""The stable code that a device reports when an installation or a download did not happen."""

from __future__ import annotations

from typing import Final

from nasc_sdk.errors import ArtifactError, NascError, RefusedError, StorageError, UnreachableError

TOO_LARGE_TOGETHER: Final = "too_large_together"
"""The desired heads fit one by one, but not all of them: fewer may be sent."""
TOO_LARGE_BESIDE_OLD: Final = "too_large_beside_old"
"""The desired heads fit together, but not beside those that they replace: smaller ones first make room."""


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
