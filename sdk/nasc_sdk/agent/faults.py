"""Named points at which tests kill this process, as a power cut would: ``NASC_FAULT=<point>``.

For tests only: without the variable a point is one look into the environment.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "NASC_FAULT"

VERIFIED: Final = "verified"
"""Every new head passed; nothing is written yet."""
BUNDLE_PART: Final = "bundle-part"
"""A bundle is written and flushed under its temporary name."""
BUNDLE_STORED: Final = "bundle-stored"
"""The first new bundle has its name."""
BUNDLES_STORED: Final = "bundles-stored"
"""All new bundles are on the disk; no record names them."""
RECORD_PART: Final = "record-part"
"""The record is written and flushed under its temporary name."""
RECORD_STORED: Final = "record-stored"
"""The record has its name: the new heads count as installed."""
COLLECTED: Final = "collected"
"""Bundles that no record names are gone."""

POINTS: Final = (
    VERIFIED,
    BUNDLE_PART,
    BUNDLE_STORED,
    BUNDLES_STORED,
    RECORD_PART,
    RECORD_STORED,
    COLLECTED,
)
"""All of them, in the order an installation reaches them."""


def reach(point: str) -> None:
    """Kill this process with SIGKILL when the environment asks for it at this point."""
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
