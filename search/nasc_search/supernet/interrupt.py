"""Ctrl-C between steps: weights of which half were stepped must not be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Holds SIGINT back inside the block; what it yields raises KeyboardInterrupt once one has come.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """
    asked = threading.Event()

    def check() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield check
    finally:
        # None: a handler that was not installed from Python, which cannot be put back from here.
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
