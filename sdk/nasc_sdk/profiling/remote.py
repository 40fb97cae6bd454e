"""The search service's answer to ``profile``, as the command line reads it."""

from __future__ import annotations

from typing import Any

import msgspec

from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.profiling.profile import Profile


class RemoteProfile(msgspec.Struct, frozen=True):
    """The service's document for the verb ``profile``."""

    profile: Profile
    edge_profile: Profile | None = None
    fit: dict[str, Any] = {}
    """Errors of the cost model fitted on it, as the service states them."""
    text: str = ""
    """The same in words."""


def read_profiles(document: bytes) -> RemoteProfile:
    """The profiles of a reply's document; raises RemoteProtocolError."""
    try:
        return msgspec.json.decode(document, type=RemoteProfile)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RemoteProtocolError("reply of the service", f"not profiles: {error}") from error
