"""Ctrl-C between steps: weights of which half were stepped must not be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Holds back the signals that raise KeyboardInterrupt; what it yields says whether one has come.

    SIGINT, and SIGTERM where the caller gave it the same handler. Outside the main thread, where Python delivers no
    signals, it does nothing.
    """
    asked = threading.Event()
    held: list[int] = []
    if threading.current_thread() is threading.main_thread():
        held = [
            number
            for number in (signal.SIGINT, signal.SIGTERM)
            if signal.getsignal(number) is signal.default_int_handler
        ]
    for number in held:
        signal.signal(number, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        for number in held:
            signal.signal(number, signal.default_int_handler)
