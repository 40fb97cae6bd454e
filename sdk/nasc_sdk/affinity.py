"""Keeping a thread to one processor, where the system can."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def bound_to(core: int | None) -> Iterator[None]:
    """What this thread does within the block, it does on ``core``; None: anywhere."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
