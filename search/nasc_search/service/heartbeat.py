"""Heartbeat: what takes long is spoken of every few seconds, also while a user's function does not return."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

EVERY_S: Final = 5.0

Say = Callable[[str], None]


@contextlib.contextmanager
def heartbeat(say: Say, every_s: float = EVERY_S) -> Iterator[Say]:
    """Inside, ``say`` hears from another thread what was last put into the yielded function, and since when; nothing
    of what is over sooner.
    """  # fmt: skip
    newest, over = ("", time.monotonic()), threading.Event()

    def put(text: str) -> None:
        nonlocal newest
        newest = text, time.monotonic()

    def repeat() -> None:
        while not over.wait(every_s):
            text, since = newest
            if text:
                say(f"{text}, for {time.monotonic() - since:.0f} s")

    thread = threading.Thread(target=repeat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield put
    finally:
        over.set()
        thread.join()
